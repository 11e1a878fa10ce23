"""`make up`, `make down` and the like: the whole of Parley on this machine, without containers.

    python -m deploy.local.stack up|down|clean|migrate

Everything is kept below one directory (`.local/`, or PARLEY_LOCAL): data, logs, the supervisor's
configuration, and `env`, where the stores of the running stack are.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from deploy.local.layout import Choices, Layout
from deploy.local.processes import START_TIMEOUT_S, Server, ServerFailed
from deploy.local.supervision import ROOT, Supervisor

LOCAL = Path(os.environ.get("PARLEY_LOCAL") or ROOT / ".local").absolute()
CHOICES = LOCAL / "choices.json"
ENVIRONMENT = LOCAL / "env"


def up() -> None:
    """Bring the stack to what the environment asks for; what runs and is asked for stays."""
    chosen = choices().changed_by(os.environ)
    layout = Layout(LOCAL, chosen)
    stores, services = layout.stores(), layout.services()
    supervisor = Supervisor(LOCAL)
    running = supervisor.up() if supervisor.running() else set()
    check_ports([program for program in (*stores, *services) if program.name not in running])
    supervisor.configure([*stores, *services])
    bring_up(supervisor, stores[:1])
    bring_up(supervisor, stores[1:])
    apply_migrations(layout)
    bring_up(supervisor, services)
    remember(layout)  # What did not work is not to be repeated.
    replicas = f"{chosen.gateways} gateway, {chosen.matchers} matcher, {chosen.sessions} sessions"
    where = " ".join(layout.urls) or "no address"
    say(f"up at {where} ({replicas}); logs in {shown(LOCAL / 'logs')} (make logs)")
    for url in layout.network_urls:
        say(f"for a phone in the same network: {url} (its browser will warn once: go on)")


def check_ports(programs: Sequence[Server]) -> None:
    try:
        for program in programs:
            program.check_ports()
    except ServerFailed as error:
        raise ServerFailed(f"{error}; make up PORT=9000 PORTS=26000 takes others") from None


def down() -> None:
    """Stop what `up` started: the services first, so that what is in hand is finished."""
    supervisor = Supervisor(LOCAL)
    if supervisor.running():
        names = supervisor.up()
        services = {name for name in names if name.rpartition("-")[0]}
        supervisor.stop(services)
        supervisor.stop(names - services - {"epmd"})
        supervisor.shutdown()
        say("stopped " + " ".join(sorted(names)))
    else:
        say("nothing was running")
    for path in (CHOICES, ENVIRONMENT):
        path.unlink(missing_ok=True)


def clean() -> None:
    """Stop the stack and remove its data and logs."""
    down()
    shutil.rmtree(LOCAL, ignore_errors=True)


def migrate() -> None:
    """Apply the migrations that the running stack's database lacks."""
    if not CHOICES.exists():
        raise ServerFailed("the stack is not up, run: make up")
    apply_migrations(Layout(LOCAL, choices()))


def apply_migrations(layout: Layout) -> None:
    """Make the database if it isn't there; dbmate does nothing when all are applied."""
    command = [str(Path(sys.executable).with_name("dbmate")), "--no-dump-schema"]
    command += ["--migrations-dir", str(ROOT / "migrations"), "up"]
    environment = {**os.environ, **layout.environment}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise ServerFailed(f"migrations: {said[-1] if said else 'dbmate failed'}")
    for line in done.stdout.splitlines():
        if line.startswith("Applied"):
            say(line)


def bring_up(supervisor: Supervisor, programs: Sequence[Server]) -> None:
    """Start those that don't run and wait until every one of them is ready.

    Raises `ServerFailed` when one ends instead, even if the supervisor starts it again.
    """
    running = supervisor.up()
    for program in programs:
        if program.name not in running:
            supervisor.launch(program.name)
    try:
        wait_for(supervisor, programs, running)
    except ServerFailed:  # Left alone, supervisord would try for ever.
        supervisor.stop(program.name for program in programs if program.name not in running)
        raise


def wait_for(supervisor: Supervisor, programs: Sequence[Server], told: Collection[str]) -> None:
    """Until all are ready, saying so of those that are not `told` of already."""
    deadline = time.monotonic() + START_TIMEOUT_S
    pids = {program.name: supervisor.states()[program.name][1] for program in programs}
    waiting = list(programs)
    while waiting:
        for program in [one for one in waiting if one.ready()]:
            waiting.remove(program)
            if program.name not in told:
                say(f"{program.name} is ready on port {program.port}")
        for program in waiting:
            check_starting(supervisor, program, pids[program.name], deadline)
        time.sleep(0.1 if waiting else 0)


def check_starting(supervisor: Supervisor, program: Server, pid: int, deadline: float) -> None:
    state, pid_now = supervisor.states()[program.name]
    if pid_now != pid or state not in ("STARTING", "RUNNING"):
        said = f"it said: {last_line(program.log)}"
        raise ServerFailed(f"{program.name}: ended instead of starting, see {program.log}; {said}")
    if time.monotonic() > deadline:
        limit = f"{START_TIMEOUT_S:.0f} s"
        raise ServerFailed(f"{program.name}: not ready after {limit}, see {program.log}")


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")


def choices() -> Choices:
    """Those of the stack that is up, so that asking again changes nothing; else the defaults."""
    return Choices(**json.loads(CHOICES.read_text())) if CHOICES.exists() else Choices()


def remember(layout: Layout) -> None:
    CHOICES.write_text(json.dumps(dataclasses.asdict(layout.choices)))
    ENVIRONMENT.touch(mode=0o600)  # It holds a password.
    values = {**layout.environment, "PARLEY_URL": ",".join(layout.urls)}
    if layout.choices.tls:  # So that our own programs believe our own certificate.
        values["SSL_CERT_FILE"] = str(layout.tls_pair.certificate)
    ENVIRONMENT.write_text("".join(f"{name}={shlex.quote(it)}\n" for name, it in values.items()))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One command at a time: two `make up` would start everything twice."""
    (LOCAL / "logs").mkdir(parents=True, exist_ok=True)
    with (LOCAL / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shown(path: Path) -> str:
    return os.path.relpath(path)


def say(what: str) -> None:
    print(f"parley: {what}", flush=True)


COMMANDS: dict[str, Callable[[], None]] = {
    "up": up,
    "down": down,
    "clean": clean,
    "migrate": migrate,
}


def main(words: Sequence[str]) -> int:
    if len(words) != 1 or words[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with alone():
            COMMANDS[words[0]]()
    except ServerFailed as error:
        print(f"parley: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
