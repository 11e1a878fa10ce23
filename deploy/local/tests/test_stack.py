import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.layout import Choices
from deploy.local.processes import HOST, ServerFailed, free_port, port_taken
from deploy.local.supervision import ROOT, Supervisor, alive

STORES = {"epmd", "postgres", "rabbitmq", "redis"}


class Caller:
    """Somebody who says `make up` and the like, with a directory and ports of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = free_range()

    def says(self, command: str, **asked: str) -> subprocess.CompletedProcess[str]:
        none = {"GATEWAYS": "0", "MATCHERS": "0", "SESSIONS": "0", "PORTS": str(self.ports)}
        return subprocess.run(
            [sys.executable, "-m", "deploy.local.stack", command],
            check=False,
            cwd=ROOT,
            env={**os.environ, "PARLEY_LOCAL": str(self.directory), **none, **asked},
            capture_output=True,
            text=True,
        )

    def pids(self) -> dict[str, int]:
        states = Supervisor(self.directory).states()
        return {name: pid for name, (_, pid) in states.items() if pid}

    def environment(self) -> dict[str, str]:
        lines = (self.directory / "env").read_text().splitlines()
        return {
            name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)
        }


def free_range() -> int:
    while True:
        first = free_port()
        if not any(port_taken(port) for port in range(first, first + 10)):
            return first


@pytest.fixture
def caller(server_directory: Path, request: pytest.FixtureRequest) -> Iterator[Caller]:
    found = Caller(server_directory / request.node.name)
    yield found
    found.says("down")


async def test_up_again_changes_nothing_and_down_stops_it_all_but_keeps_the_data(
    caller: Caller,
) -> None:
    up = caller.says("up")
    assert up.returncode == 0, up.stderr
    first = caller.pids()
    assert set(first) == STORES
    connection = await asyncpg.connect(caller.environment()["DATABASE_URL"])
    await connection.execute("CREATE TABLE kept (one int)")
    await connection.close()

    assert caller.says("up").returncode == 0
    assert caller.pids() == first

    assert caller.says("down").returncode == 0
    assert not any(port_taken(port) for port in range(caller.ports, caller.ports + 10))
    assert not any(alive(pid) for pid in first.values())

    assert caller.says("up").returncode == 0
    connection = await asyncpg.connect(caller.environment()["DATABASE_URL"])
    assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    await connection.close()


def test_a_taken_port_is_one_line_that_names_it_and_nothing_is_started(caller: Caller) -> None:
    with socket.create_server((HOST, caller.ports + 3)):
        up = caller.says("up")
    assert up.returncode == 1
    taken = f"parley: redis: port {caller.ports + 3} is taken by another process; "
    assert up.stderr == taken + "make up PORT=9000 PORTS=26000 takes others\n"
    assert not Supervisor(caller.directory).running()


def test_a_server_that_does_not_start_is_one_line_that_names_its_log(caller: Caller) -> None:
    broken = caller.directory / "data" / "redis" / "appendonlydir" / "appendonly.aof.manifest"
    broken.parent.mkdir(parents=True)
    broken.write_text("not a manifest")
    up = caller.says("up")
    assert up.returncode == 1
    log = caller.directory / "logs" / "redis.log"
    assert up.stderr.startswith(f"parley: redis: ended instead of starting, see {log}; it said: ")
    assert up.stderr.count("\n") == 1
    assert "manifest" in log.read_text()


def test_a_wrong_setting_is_named_and_the_next_up_goes_on_without_it(caller: Caller) -> None:
    wrong = caller.says("up", MATCHERS="1", MATCHING_INTERVAL="soon")
    assert wrong.returncode == 1
    assert "matcher-1: ended instead of starting" in wrong.stderr
    assert "MATCHING_INTERVAL" in wrong.stderr
    assert set(caller.pids()) == STORES

    right = caller.says("up", MATCHERS="1")
    assert right.returncode == 0, right.stderr
    assert set(caller.pids()) == {*STORES, "matcher-1"}


def test_what_is_not_asked_for_stays_as_it_was_chosen_before() -> None:
    before = Choices(gateways=2, port=9000, settings={"SESSION_TURN": "1m"})
    after = before.changed_by({"MATCHERS": "4", "MATCHING_INTERVAL": "500ms", "HOME": "/root"})
    settings = {"SESSION_TURN": "1m", "MATCHING_INTERVAL": "500ms"}
    assert after == Choices(gateways=2, matchers=4, port=9000, settings=settings)


@pytest.mark.parametrize("wrong", ["x", "-1", "10", "1.5"])
def test_a_wrong_number_of_replicas_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(ServerFailed, match=f"GATEWAYS={wrong}"):
        Choices().changed_by({"GATEWAYS": wrong})
