import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.supervision import ROOT

# Module, what it must not import, and the contract that must then be broken.
FORBIDDEN = (
    ("services/matcher/app.py", "services.gateway.queue", "Services never import each other"),
    ("shared/ops.py", "services.matcher.keys", "Services meet only in shared"),
    ("shared/ops.py", "deploy.choice", "Services meet only in shared"),
    ("services/gateway/app.py", "contracts.checking", "Services meet only in shared"),
    ("deploy/operations/keys.py", "services.gateway.config", "What runs and looks after services"),
    ("contracts/checking.py", "shared.events", "Documents are checked by who knows only them"),
    ("shared/events.py", "shared.bus", "Inside shared"),
    ("services/matcher/pool/tickets.py", "services.matcher.sweep", "Inside matcher"),
    ("services/sessions/session.py", "services.sessions.store", "Inside sessions"),
    ("services/gateway/realtime/frames.py", "services.gateway.realtime.card", "Inside gateway"),
    ("services/matcher/matching.py", "asyncio", "Pure modules"),
    ("services/sessions/session.py", "shared.runner", "Pure modules"),
    ("services/sessions/config.py", "aio_pika", "AMQP is spoken in shared.bus alone"),
    ("services/matcher/sweep.py", "redis.asyncio", "Redis is spoken"),
    ("services/sessions/session.py", "prometheus_client", "Pure modules"),
    ("services/matcher/pairing.py", "prometheus_client", "Figures are kept by shared.metrics"),
    ("services/sessions/transitions.py", "asyncpg", "SQL is spoken"),
    ("services/sessions/config.py", "starlette", "HTTP and WebSockets are the gateway's"),
)


def linted(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, check=False, cwd=directory, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("contracts", "deploy", "services", "shared"):
        ignored = shutil.ignore_patterns("tests", "__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


@pytest.mark.parametrize(("module", "imported", "contract"), FORBIDDEN)
def test_an_import_against_the_rules_breaks_its_contract(
    copy: Path, module: str, imported: str, contract: str
) -> None:
    with (copy / module).open("a") as source:
        source.write(f"import {imported}\n")
    found = linted(copy)
    assert found.returncode == 1
    broken = [line for line in found.stdout.splitlines() if "BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), found.stdout
