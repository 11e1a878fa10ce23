"""Which of the two stacks is meant: containers (`compose`), or processes alone (`local`).

STACK=local|compose decides. Otherwise it is the one in use; and with none in use, containers where
a Docker engine answers. Standard library only: run before anything is installed.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from deploy.compose import containers
from deploy.local.processes import ServerFailed

ROOT = Path(__file__).resolve().parents[1]
LOCAL = Path(os.environ.get("PARLEY_LOCAL") or ROOT / ".local").absolute()
REMEMBERED = LOCAL / "stack"
STACKS = ("local", "compose")


def asked(environ: Mapping[str, str] = os.environ) -> str | None:
    """What STACK says. Raises `ServerFailed` when that is no stack."""
    stack = environ.get("STACK")
    if stack and stack not in STACKS:
        raise ServerFailed(f"STACK={stack}: expected local or compose")
    return stack or None


def in_use() -> str | None:
    """The stack that `make up` brought up here, or whoever called docker compose; None for none."""
    if REMEMBERED.exists():
        return REMEMBERED.read_text().strip()
    if (LOCAL / "choices.json").exists():
        return "local"
    return "compose" if containers.running(ROOT / "deploy") else None


def remember(stack: str) -> None:
    REMEMBERED.parent.mkdir(parents=True, exist_ok=True)
    REMEMBERED.write_text(f"{stack}\n")


def forget() -> None:
    REMEMBERED.unlink(missing_ok=True)
