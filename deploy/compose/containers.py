"""The Docker engine, asked through its command: is it there, what runs, and where that is reached.

Standard library only, as all that runs before anything is installed.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from deploy.local.processes import HOST, ServerFailed

ANSWER_TIMEOUT_S = 10.0
PROJECT = "com.docker.compose.project"


@dataclass(frozen=True)
class Container:
    """A running container of one of compose's services."""

    project: str
    service: str
    environment: Mapping[str, str]
    ports: Mapping[str, str]  # Its own port, like "8080/tcp" → where it is published.

    @classmethod
    def of(cls, inspected: Any) -> "Container":
        """From what `docker inspect` says of it."""
        config, labels = inspected["Config"], inspected["Config"]["Labels"]
        published = inspected["NetworkSettings"]["Ports"] or {}
        return cls(
            project=labels[PROJECT],
            service=labels[f"{PROJECT.rpartition('.')[0]}.service"],
            environment=dict(line.split("=", 1) for line in config["Env"]),
            ports={port: to[0]["HostPort"] for port, to in published.items() if to},
        )


def unusable() -> str | None:
    """Why compose can't be used on this machine; None when it can."""
    if why := no_engine():
        return why
    if ask("compose", "version") is None:
        return "Docker has no compose plug-in here"
    return None


def no_engine() -> str | None:
    """Why no container can be had on this machine; None when some can."""
    if shutil.which("docker") is None:
        return "no Docker engine here"
    if ask("version", "--format", "{{.Server.Version}}") is None:
        return "no Docker engine answers"
    return None


def running(directory: Path) -> list[Container]:
    """Those that compose files in `directory` began; none where no engine answers."""
    return _inspected("--filter", f"label={PROJECT}.working_dir={directory}")


def of_project(project: str) -> list[Container]:
    return _inspected("--filter", f"label={PROJECT}={project}")


def environment(found: Iterable[Container]) -> dict[str, str]:
    """Where this machine reaches the stores and gateways of these containers.

    Raises `ServerFailed` when one that matters does not run, or publishes nothing.
    """
    by_service = {container.service: container for container in found}
    told: dict[str, str] = {}
    for variable, service, store, port in (
        ("AMQP_URL", "sessions", "rabbitmq", "5672/tcp"),
        ("REDIS_URL", "matcher", "redis", "6379/tcp"),
        ("DATABASE_URL", "sessions", "postgres", "5432/tcp"),
    ):
        if service not in by_service or port not in _ports(by_service, store):
            raise ServerFailed(f"{store} or {service} does not run, see: make logs")
        url = by_service[service].environment[variable]
        told[variable] = _moved(url, by_service[store].ports[port])
    doors = [by_service[name] for name in ("gateway", "edge") if name in by_service]
    ports = [door.ports["8080/tcp"] for door in doors if "8080/tcp" in door.ports]
    if not ports:
        raise ServerFailed("no gateway runs, see: make logs")
    return {**told, "PARLEY_URL": f"http://{HOST}:{ports[0]}"}


def _ports(containers: Mapping[str, Container], service: str) -> Mapping[str, str]:
    return containers[service].ports if service in containers else {}


def _moved(url: str, port: str) -> str:
    """The same, at this port of this machine."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@{HOST}:{port}"))


def _inspected(*which: str) -> list[Container]:
    if shutil.which("docker") is None:
        return []
    ids = ask("ps", "--quiet", *which)
    said = ask("inspect", *ids.split()) if ids else None
    return [Container.of(one) for one in json.loads(said)] if said else []


def ask(*words: str) -> str | None:
    """What it says; None when it can't."""
    command: Sequence[str] = ("docker", *words)
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
