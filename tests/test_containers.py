import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy import choice
from deploy.local.processes import ServerFailed
from shared.testing import eventually
from tests import containers

HERE = ("rabbitmq:4-management", "redis:8", "postgres:17")
RUN_THAT_HANGS = """
import sys, time
from tests import containers

with containers.watched():
    print(containers.owner(), flush=True)
    time.sleep(60)
"""

Docker = Callable[[str], Path]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    """Puts a `docker` of this shell script in the way, which writes down what it is told."""
    heard = tmp_path / "heard"
    heard.touch()

    def install(script: str) -> Path:
        command = tmp_path / "docker"
        command.write_text(f'#!/bin/sh\necho "$@" >>{heard}\n{script}\n')
        command.chmod(0o755)
        return heard

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("STACK", raising=False)
    monkeypatch.setattr(choice, "in_use", lambda: None)
    containers.refused.cache_clear()
    yield install
    containers.refused.cache_clear()


def with_images(*images: str) -> str:
    """An engine that has these, and gets no others."""
    inspected = "|".join(f"'image inspect {image}'" for image in images)
    return f'case "$*" in version*|compose*|{inspected}) exit 0;; *) exit 1;; esac'


def test_where_the_engine_has_the_images_servers_are_containers(docker: Docker) -> None:
    heard = docker(with_images(*HERE))
    assert containers.refused() is None
    assert "pull" not in heard.read_text()


def test_where_no_engine_answers_they_are_processes(docker: Docker) -> None:
    docker("exit 1")
    assert containers.refused() == "no Docker engine answers"


def test_where_an_image_is_missing_they_all_are_processes(docker: Docker) -> None:
    heard = docker(with_images(*HERE[1:]))
    assert containers.refused() == "the image rabbitmq:4-management is not here"
    assert "pull" not in heard.read_text(), "nobody waits for what nobody asked for"


def test_who_asks_for_processes_gets_processes(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(with_images(*HERE))
    monkeypatch.setenv("STACK", "local")
    assert containers.refused() == "STACK=local"


def test_the_tests_follow_the_stack_in_use(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker(with_images(*HERE))
    monkeypatch.setattr(choice, "in_use", lambda: "local")
    assert containers.refused() == "the local stack is in use"
    monkeypatch.setenv("STACK", "compose")
    containers.refused.cache_clear()
    assert containers.refused() is None


def test_who_insists_on_containers_is_told_why_there_are_none(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = docker(with_images(*HERE[:2]))
    monkeypatch.setenv("STACK", "compose")
    with pytest.raises(ServerFailed, match="STACK=compose: the image postgres:17 is not here"):
        containers.refused()
    assert "pull --quiet postgres:17" in heard.read_text()


async def test_the_containers_of_a_run_that_is_killed_are_removed(docker: Docker) -> None:
    heard = docker('case "$1" in ps) echo its-container;; esac')
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUN_THAT_HANGS), cwd=choice.ROOT, stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    owner = (await run.stdout.readline()).decode().strip()
    assert heard.read_text() == ""
    run.kill()
    await run.wait()

    def removed() -> None:
        assert heard.read_text().splitlines() == [
            f"ps --all --quiet --filter label={containers.OWNER}={owner}",
            "rm --force --volumes its-container",
        ]

    await eventually(removed)


def test_what_a_run_left_the_next_one_removes(docker: Docker) -> None:
    over = subprocess.Popen(["true"])
    over.wait()
    host = containers.owner().rpartition("/")[0]
    owners = {"over": f"{host}/{over.pid}", "mine": containers.owner()}
    owners |= {"elsewhere": f"not-{host}/{over.pid}"}
    listed = "; ".join(f"echo {name} {owner}" for name, owner in owners.items())
    heard = docker(f'case "$1" in ps) {listed};; esac')
    containers.remove_what_was_left.__wrapped__()
    assert [line for line in heard.read_text().splitlines() if line.startswith("rm")] == [
        "rm --force --volumes over"
    ]
