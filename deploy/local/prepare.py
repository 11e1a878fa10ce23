"""Install what a bare Debian machine lacks: its packages, then the virtual environment.

    python3 -m deploy.local.prepare [servers] [tests] [browser]

Run by the system's own Python, so standard library only. The tests and whoever drives a browser
need more than the stack does, and name it; while the stack in use is containers, only they and the
local stack need servers. Does nothing, in a few milliseconds, when everything
is there.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deploy import choice

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "dev.txt"
STAMP = VENV / "installed-lock.sha256"
LOGS = ROOT / ".local" / "logs"
POLICY = Path("/usr/sbin/policy-rc.d")
PYTHON_MIN = (3, 11)
# What each purpose needs beyond the stack itself.
EXTRAS: Mapping[str, Sequence[str]] = {
    "servers": (),
    "tests": ("chromium", "fonts-noto-core", "coturn", "curl", "openssl", "prometheus"),
    "browser": ("chromium",),
    "tls": ("openssl",),
}


class NotPrepared(Exception):
    """Something is missing and could not be installed; the message is one line."""


def main(purposes: Sequence[str]) -> int:
    try:
        if sys.version_info < PYTHON_MIN:
            raise NotPrepared(f"Python {PYTHON_MIN[0]}.{PYTHON_MIN[1]} or newer is needed")
        wanted = [*purposes, *(["tls"] if os.environ.get("TLS", "0") != "0" else [])]
        extras = missing_extras(wanted)
        servers = {"servers", "tests"} & set(wanted) or choice.in_use() != "compose"
        install_packages(missing_packages(servers=bool(servers)) + extras)
        install_requirements()
    except NotPrepared as error:
        print(f"parley: {error}", file=sys.stderr)
        return 1
    return 0


def missing_packages(*, servers: bool) -> list[str]:
    """The Debian packages that would bring what is not on this machine yet."""
    there = {"python3-venv": importlib.util.find_spec("ensurepip") is not None}
    if servers:
        there |= servers_there()
    return [package for package, found in there.items() if not found]


def servers_there() -> dict[str, bool]:
    """What brings RabbitMQ, Redis and Postgres: package → whether they are here."""
    rabbitmq = Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists()
    postgres = any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return {
        "rabbitmq-server": rabbitmq or shutil.which("rabbitmq-server") is not None,
        "redis-server": bool(shutil.which("redis-server") or shutil.which("valkey-server")),
        "postgresql": postgres,
    }


def missing_extras(purposes: Sequence[str]) -> list[str]:
    """Those that only the tests, a browser or TLS need."""
    arabic = Path("/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf")
    there = {
        "chromium": shutil.which("chromium") is not None,
        "fonts-noto-core": arabic.exists(),  # Those of every script but Chinese and the like.
        "curl": shutil.which("curl") is not None,
        "coturn": shutil.which("turnserver") is not None,
        "openssl": shutil.which("openssl") is not None,
        "prometheus": shutil.which("prometheus") is not None,
    }
    unknown = set(purposes) - set(EXTRAS)
    if unknown:
        raise NotPrepared(f"for {', '.join(sorted(unknown))}? known: {', '.join(EXTRAS)}")
    wanted = {package for purpose in purposes for package in EXTRAS[purpose]}
    return [package for package, found in there.items() if package in wanted and not found]


def install_packages(packages: Sequence[str]) -> None:
    if not packages:
        return
    names = " ".join(packages)
    if os.geteuid() != 0:
        raise NotPrepared(f"as root, first run: apt-get install --no-install-recommends {names}")
    if shutil.which("apt-get") is None:
        raise NotPrepared(f"install the likes of these Debian packages first: {names}")
    say(f"installing Debian packages (some minutes): {names}")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_service_started():
        run("apt", ["apt-get", "update"], quietly)
        run("apt", ["apt-get", "install", "-y", "--no-install-recommends", *packages], quietly)


@contextlib.contextmanager
def no_service_started() -> Iterator[None]:
    """Keep apt from starting the servers it installs: Parley runs its own, on its own ports."""
    if POLICY.exists():  # The machine's owner has decided already.
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def install_requirements() -> None:
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python = VENV / "bin" / "python"
    if not works(python):
        say(f"making the virtual environment {VENV}")
        shutil.rmtree(VENV, ignore_errors=True)
        run("venv", [sys.executable, "-m", "venv", str(VENV)])
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    say(f"installing the Python packages of {LOCK.relative_to(ROOT)} (a minute)")
    if not works(python, "-m", "pip"):
        run("venv", [str(python), "-m", "ensurepip"])
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    run("pip", [*pip, "--require-hashes", "-r", str(LOCK)])
    STAMP.write_text(wanted)


def works(python: Path, *words: str) -> bool:
    if not python.exists():
        return False
    done = subprocess.run([python, *words, "--version"], check=False, capture_output=True)
    return done.returncode == 0


def run(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run it with its output in a log; raises `NotPrepared` with the log's last line."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{name}.log"
    with path.open("a+") as log:
        code = subprocess.call(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    if code != 0:
        said = path.read_text().strip().splitlines() or ["it said nothing"]
        raise NotPrepared(f"{' '.join(command[:3])} failed ({said[-1]}), see {path}")


def say(what: str) -> None:
    print(f"parley: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
