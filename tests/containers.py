"""Throw-away servers in containers, of the images that compose.yml names.

They listen on loopback only, and go when the run goes, however that ends: a process of its own
waits for that, and what it missed (a power cut) the next run removes.
"""

import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import yaml
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from deploy import choice
from deploy.compose import containers, stack
from deploy.local.processes import HOST, START_TIMEOUT_S, ServerFailed
from deploy.local.servers import POSTGRES_USER, answers

COMPOSE = Path(choice.ROOT) / "deploy" / "compose.yml"
PASSWORD = "test"
OWNER = "parley.test.owner"
"""The label that says whose a container is: host and process id of the run."""
# With the end of its input, which is ours, everything with this label goes.
WATCH = 'cat; docker ps --all --quiet --filter label="$0" | xargs -r docker rm --force --volumes'
# By itself testcontainers would give a container that it gets from afar the engine's socket.
testcontainers_config.ryuk_disabled = True


@dataclass(frozen=True)
class Contained:
    """One server to run. `ready` says whether it serves, asked at its port of this machine."""

    name: str
    port: int
    inside: int  # Its port in there.
    url: str
    ready: Callable[[], bool]
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        return images()[self.name]


def rabbitmq(port: int) -> Contained:
    return Contained(
        name="rabbitmq",
        port=port,
        inside=5672,
        url=f"amqp://parley:{PASSWORD}@{HOST}:{port}/",
        ready=partial(answers, port, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"),
        environment={"RABBITMQ_DEFAULT_USER": "parley", "RABBITMQ_DEFAULT_PASS": PASSWORD},
    )


def redis(port: int) -> Contained:
    options = {"requirepass": PASSWORD, "appendonly": "yes", "maxmemory-policy": "noeviction"}
    options |= {"save": ""}
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    return Contained(
        name="redis",
        port=port,
        inside=6379,
        url=f"redis://:{PASSWORD}@{HOST}:{port}/0",
        ready=partial(answers, port, f"AUTH {PASSWORD}\r\n".encode(), b"+OK"),
        command=("redis-server", *words),
    )


def postgres(port: int) -> Contained:
    """While it makes its data directory it answers on its socket alone, and then refuses a bit."""
    parameters = f"user\0{POSTGRES_USER}\0database\0postgres\0\0".encode()
    startup = (8 + len(parameters)).to_bytes(4) + (3 << 16).to_bytes(4) + parameters
    return Contained(
        name="postgres",
        port=port,
        inside=5432,
        url=f"postgres://{POSTGRES_USER}:{PASSWORD}@{HOST}:{port}/postgres?sslmode=disable",
        ready=partial(answers, port, startup, b"R"),  # It asks for the password.
        command=("postgres", "-c", "max_connections=300"),
        environment={"POSTGRES_USER": POSTGRES_USER, "POSTGRES_PASSWORD": PASSWORD},
    )


@cache
def images() -> dict[str, str]:
    """By compose's name of the service."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return {name: services[name]["image"] for name in ("rabbitmq", "redis", "postgres")}


@cache
def refused() -> str | None:
    """Why the servers are processes of this machine; None when they are containers.

    Raises `ServerFailed` when STACK=compose insists on what can't be had.
    """
    asked = choice.asked()
    if asked == "local":
        return "STACK=local"
    if asked is None and choice.in_use() == "local":
        return "the local stack is in use"
    why = containers.no_engine() or _lacking(get=asked == "compose")
    if why and asked:
        raise ServerFailed(f"STACK=compose: {why}")
    return why


def _lacking(*, get: bool) -> str | None:
    for image in images().values():
        if not stack.here(image) and not (get and stack.got(image)):
            return f"the image {image} is not here"
    return None


@contextmanager
def running(server: Contained) -> Iterator[None]:
    """Start it and wait until it is ready. Raises `ServerFailed` when it can't or isn't in time."""
    remove_what_was_left()
    with watched(), _container(server) as container:
        _wait(server, container)
        yield


@contextmanager
def _container(server: Contained) -> Iterator[DockerContainer]:
    made: DockerContainer | None = None
    try:
        try:
            # On the bridge, or testcontainers would look for a network that we may be in.
            made = DockerContainer(server.image).with_kwargs(
                network="bridge", labels={OWNER: owner()}
            )
            made.with_envs(**server.environment).with_command(list(server.command))
            made.ports[str(server.inside)] = (HOST, server.port)  # type: ignore[assignment]
            made.start()
        except (DockerException, OSError) as error:
            raise ServerFailed(f"{server.name}: no container: {error}") from error
        yield made
    finally:
        if made is not None:
            made.stop()


def _wait(server: Contained, container: DockerContainer) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.ready():
        container.reload()
        if container.status not in ("created", "running") or time.monotonic() > deadline:
            said = b"\n".join(container.get_logs()).decode(errors="replace").strip()
            raise ServerFailed(f"{server.name}: {container.status}, not ready: {said[-500:]}")
        time.sleep(0.1)


@contextmanager
def watched() -> Iterator[None]:
    """Meanwhile a process waits for our end, be it by SIGKILL: pipes close with us."""
    watch = subprocess.Popen(
        ("sh", "-c", WATCH, f"{OWNER}={owner()}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it.
    )
    try:
        yield
    finally:
        watch.kill()  # The rest of ours is watched by others.
        watch.communicate()


@cache
def remove_what_was_left() -> None:
    """What runs of this machine that are over have left."""
    listed = containers.ask(
        *("ps", "--all", "--filter", f"label={OWNER}"),
        *("--format", f'{{{{.ID}}}} {{{{.Label "{OWNER}"}}}}'),
    )
    for line in (listed or "").splitlines():
        found, whose = line.split(" ", 1)
        host, _, process = whose.rpartition("/")
        if host == platform.node() and not _alive(int(process)):
            containers.ask("rm", "--force", "--volumes", found)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def owner() -> str:
    return f"{platform.node()}/{os.getpid()}"
