"""The services' log lines that concern some ids, of whichever stack is in use."""

import json
import os
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy import choice
from deploy.compose.stack import Stack
from deploy.operations.rows import Moment

SERVICES = ("gateway", "matcher", "sessions")
# Shown of every line by its place, or said already.
_LEFT_OUT = frozenset(
    {"timestamp", "service", "instance", "event", "level", "correlation_id", "user_id", "event_id"}
)


def lines() -> Iterator[str]:
    """Every line there is."""
    if choice.in_use() == "compose":
        plan = Stack(choice.LOCAL).plan()
        words = ["logs", "--no-color", "--no-log-prefix", *SERVICES]
        done = subprocess.run(
            ["docker", "compose", *plan.files, *words],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **plan.environment},
        )
        yield from done.stdout.splitlines()
    else:
        yield from lines_of(choice.LOCAL / "logs")


def lines_of(directory: Path) -> Iterator[str]:
    for service in SERVICES:
        for path in sorted(directory.glob(f"{service}-*.log")):
            with path.open(errors="replace") as log:
                yield from log


def concerning(ids: Collection[str], all_lines: Iterable[str]) -> list[Moment]:
    """The lines that name one of the ids, and those with the correlation id of one that does."""
    parsed = [(line, said) for line in all_lines if (said := _said(line)) is not None]
    named = re.compile("|".join(map(re.escape, ids)))
    correlated = {
        said.get("correlation_id")
        for line, said in parsed
        if named.search(line) and said.get("correlation_id") != said.get("instance")
    }
    return [
        _moment(said)
        for line, said in parsed
        if said.get("correlation_id") in correlated or named.search(line)
    ]


def _said(line: str) -> dict[str, Any] | None:
    """None of what is no line of ours."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and "timestamp" in said and "event" in said else None


def _moment(said: dict[str, Any]) -> Moment:
    fields = " ".join(f"{name}={value}" for name, value in said.items() if name not in _LEFT_OUT)
    level = "" if said.get("level") in ("info", "debug") else f"{said.get('level')}: "
    return Moment(
        datetime.fromisoformat(said["timestamp"]),
        str(said.get("instance", said.get("service", "?"))),
        f"{level}{said['event']} {fields} [{said.get('correlation_id', '')}]".replace("  ", " "),
    )
