import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import choice
from deploy.compose.containers import Container, environment
from deploy.compose.stack import Plan, Stack, bases
from deploy.local.layout import Choices
from deploy.local.processes import ServerFailed, free_port, port_taken
from deploy.local.supervision import ROOT


def inspected(service: str, env: dict[str, str], ports: dict[str, str]) -> dict[str, object]:
    """What `docker inspect` says, as far as anybody listens."""
    labels = {"com.docker.compose.project": "parley", "com.docker.compose.service": service}
    published = {port: [{"HostIp": "127.0.0.1", "HostPort": to}] for port, to in ports.items()}
    return {
        "Config": {"Labels": labels, "Env": [f"{name}={value}" for name, value in env.items()]},
        "NetworkSettings": {"Ports": {**published, "15692/tcp": None}},
    }


DATABASE_URL = "postgres://langapp:secret@postgres:5432/language_exchange?sslmode=disable"
AMQP = {"AMQP_URL": "amqp://parley:secret@rabbitmq:5672/"}
REDIS = {"REDIS_URL": "redis://:secret@redis:6379/0"}
RUNNING = {
    "rabbitmq": inspected("rabbitmq", {}, {"5672/tcp": "26001"}),
    "redis": inspected("redis", {}, {"6379/tcp": "26003"}),
    "postgres": inspected("postgres", {}, {"5432/tcp": "26004"}),
    "sessions": inspected("sessions", {**AMQP, "DATABASE_URL": DATABASE_URL}, {}),
    "matcher": inspected("matcher", {**AMQP, **REDIS}, {}),
    "gateway": inspected("gateway", {**AMQP, **REDIS}, {"8080/tcp": "9000"}),
}


def test_what_runs_in_containers_is_reached_with_their_own_passwords_at_their_own_ports() -> None:
    assert environment(map(Container.of, RUNNING.values())) == {
        "AMQP_URL": "amqp://parley:secret@127.0.0.1:26001/",
        "REDIS_URL": "redis://:secret@127.0.0.1:26003/0",
        "DATABASE_URL": DATABASE_URL.replace("postgres:5432", "127.0.0.1:26004"),
        "PARLEY_URL": "http://127.0.0.1:9000",
    }


def test_several_gateways_are_reached_through_the_edge() -> None:
    gateways = [inspected("gateway", AMQP, {})] * 2
    edge = inspected("edge", {}, {"8080/tcp": "9001", "8443/tcp": "9002"})
    found = [Container.of(one) for one in [*RUNNING.values(), *gateways, edge]]
    assert environment(found)["PARLEY_URL"] == "http://127.0.0.1:9001"


@pytest.mark.parametrize("gone", ["postgres", "sessions", "gateway"])
def test_what_does_not_run_is_named(gone: str) -> None:
    left = [Container.of(one) for name, one in RUNNING.items() if name != gone]
    with pytest.raises(ServerFailed, match=gone):
        environment(left)


def test_containers_take_the_same_choices_as_processes() -> None:
    environ = {"GATEWAYS": "2", "PORT": "9000", "PORTS": "26000", "SESSION_TURN": "1m"}
    plan = Plan().changed_by(environ)
    assert [Path(word).name for word in plan.files if word != "--file"] == [
        "compose.yml",
        "compose.scale.yml",
    ]
    assert plan.scales[:2] == ["--scale", "gateway=2"]
    told = plan.environment
    assert told["PORT"] == "9000" and told["AMQP_PORT"] == "26001"
    assert told["POSTGRES_PORT"] == "26004" and told["SESSION_TURN"] == "1m"
    numbers = [told[name] for name in told if name.endswith("PORT")]
    assert len(numbers) == len(set(numbers))


def test_a_profile_brings_what_makes_the_services_use_it() -> None:
    plan = Plan().changed_by({"PROFILES": "turn,observe", "TURN_SECRET": "my own"})
    told = plan.environment
    assert told["COMPOSE_PROFILES"] == "turn,observe"
    assert told["TURN_URLS"] and told["TURN_SECRET"] == "my own"
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert not Plan().environment.keys() & {"TURN_URLS", "OTEL_EXPORTER_OTLP_ENDPOINT"}


@pytest.mark.parametrize("wrong", [{"PROFILES": "everything"}, {"TLS": "1"}, {"GATEWAYS": "x"}])
def test_what_containers_cannot_do_is_named(wrong: dict[str, str]) -> None:
    (name, value), = wrong.items()  # fmt: skip
    with pytest.raises(ServerFailed, match=f"{name}={value}"):
        Plan().changed_by(wrong)


def test_what_was_chosen_holds_until_somebody_says_otherwise(tmp_path: Path) -> None:
    kept = {"project": "another", "profiles": ["edge"], "choices": {"port": 9000}}
    (tmp_path / "compose.json").write_text(json.dumps(kept))
    plan = Stack(tmp_path).plan()
    assert plan == Plan("another", ("edge",), Choices(port=9000))
    assert plan.changed_by({"MATCHERS": "3"}).profiles == ("edge",)
    assert plan.changed_by({"PROFILES": ""}).profiles == ()


def test_containers_of_another_name_have_images_of_their_own() -> None:
    assert Plan("another").environment["PARLEY_VERSION"] == "another"
    assert "PARLEY_VERSION" not in Plan().environment


def test_the_images_to_begin_from_are_those_with_a_version() -> None:
    assert bases((ROOT / "deploy" / "Dockerfile").read_text()) == {"python:3.13-slim"}


def test_a_stack_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(ServerFailed, match="STACK=podman"):
        choice.asked({"STACK": "podman"})
    assert choice.asked({"STACK": "local"}) == "local"
    assert choice.asked({}) is None


class Caller:
    """Who says `make up` on a machine whose Docker is installed and does not answer."""

    def __init__(self, directory: Path, ports: int) -> None:
        self.directory = directory / "local"
        self.ports = ports
        self.bin = directory / "bin"
        self.bin.mkdir(parents=True)
        docker = self.bin / "docker"
        docker.write_text("#!/bin/sh\nexit 1\n")
        docker.chmod(0o755)

    def says(self, command: str, **asked: str) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in os.environ.items() if name != "STACK"}
        environ |= {"PATH": f"{self.bin}:{environ['PATH']}", "PARLEY_LOCAL": str(self.directory)}
        environ |= {"GATEWAYS": "0", "MATCHERS": "0", "SESSIONS": "0", "PORTS": str(self.ports)}
        return subprocess.run(
            [sys.executable, "-m", "deploy.stack", command],
            check=False,
            cwd=ROOT,
            env={**environ, **asked},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def caller(server_directory: Path, request: pytest.FixtureRequest) -> Iterator[Caller]:
    ports = free_port()
    while any(map(port_taken, range(ports, ports + 10))):
        ports = free_port()
    found = Caller(server_directory / request.node.name, ports)
    yield found
    found.says("down", STACK="local")


def test_where_no_engine_answers_the_local_stack_is_taken_and_remembered(caller: Caller) -> None:
    up = caller.says("up")
    assert up.returncode == 0, up.stderr
    assert "no Docker engine answers: the local stack instead" in up.stdout
    again = caller.says("up")
    assert again.returncode == 0 and "Docker" not in again.stdout
    assert f"REDIS_URL=redis://127.0.0.1:{caller.ports + 3}/0" in caller.says("env").stdout

    other = caller.says("up", STACK="compose")
    assert other.returncode == 1
    assert other.stderr == "parley: STACK=compose: the other one is up, first: make down\n"

    assert caller.says("down").returncode == 0
    nothing = caller.says("env")
    assert nothing.returncode == 1
    assert nothing.stderr == "parley: the stack is not up, run: make up\n"


@pytest.mark.parametrize("insisting", [{"STACK": "compose"}, {"PROFILES": "observe"}])
def test_who_insists_on_containers_is_told_why_there_are_none(
    caller: Caller, insisting: dict[str, str]
) -> None:
    up = caller.says("up", **insisting)
    assert up.returncode == 1
    assert up.stderr == "parley: no Docker engine answers\n"
    assert not (caller.directory / "stack").exists()
