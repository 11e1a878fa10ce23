"""supervisord, which keeps the local stack's processes running: its configuration, its answers."""

import contextlib
import http.client
import os
import resource
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.local.processes import Server, ServerFailed, ending_with_us

ROOT = Path(__file__).resolve().parents[2]
# A unix socket's path may be at most 107 bytes, so it is named from the current directory, which
# supervisord would make absolute if it weren't disguised.
SOCKET = "supervisor.sock"
SOCKET_DISGUISED = f"/proc/self/cwd/{SOCKET}"
START_TIMEOUT_S = 15.0
STOP_GRACE_S = 10  # A service finishes what is in hand within this.
STORE_STOP_GRACE_S = 30  # RabbitMQ writes out what it holds.
LOG_BYTES_MAX = 50_000_000
# Of the caller's environment; any more would reach the services behind the configuration's back.
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
OPEN_FILES_WANTED = 65_536  # Each open WebSocket is a file.
DOWN = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")


class Supervisor:
    """One supervisord, reached through a socket in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.configuration = directory / "supervisord.conf"

    def configure(self, programs: Sequence[Server]) -> None:
        """Make `programs` what supervisord knows. What is no longer among them, or differs, stops.

        Nothing is started, and what runs and stays the same keeps running.
        """
        self.configuration.touch(mode=0o600)  # It holds passwords.
        self.configuration.write_text(_configuration(programs))
        if not self.running():
            self._start()
            return
        added, changed, removed = self._call("reloadConfig")[0]
        self.stop([*changed, *removed])
        for name in (*changed, *removed):
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)

    def running(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return bool(self._call("getState")["statename"])
        return False

    def states(self) -> dict[str, tuple[str, int]]:
        """Name → state and pid (0 when it does not run)."""
        return {
            one["name"]: (one["statename"], one["pid"]) for one in self._call("getAllProcessInfo")
        }

    def up(self) -> set[str]:
        """The names of what runs or is starting."""
        return {name for name, (state, _) in self.states().items() if state not in DOWN}

    def launch(self, name: str) -> None:
        """Start it, not waiting for anything."""
        with contextlib.suppress(xmlrpc.client.Fault):  # What fails at once shows in its state.
            self._call("startProcess", name, False)

    def stop(self, names: Iterable[str]) -> None:
        """Stop them all at the same time and wait until they have ended."""
        names = set(names)
        while running := names & self.up():
            for name in running:
                with contextlib.suppress(xmlrpc.client.Fault):  # It is stopping already.
                    self._call("stopProcess", name, False)
            time.sleep(0.05)

    def shutdown(self) -> None:
        """End supervisord itself, and with it whatever it still runs."""
        self.stop(self.up())
        for name in self.states():  # Else it takes a second over each.
            self._call("removeProcessGroup", name)
        pid = self._call("getPID")
        self._call("shutdown")
        while alive(pid):
            time.sleep(0.05)

    def _start(self) -> None:
        for stale in (SOCKET, "supervisord.pid"):  # Of one that was killed.
            (self.directory / stale).unlink(missing_ok=True)
        command = (str(Path(sys.executable).with_name("supervisord")), "-c", "supervisord.conf")
        done = subprocess.run(
            command,
            check=False,
            cwd=self.directory,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.running():
            if done.returncode != 0 or time.monotonic() > deadline:
                raise ServerFailed(f"supervisord: did not start ({done.stderr.strip()})")
            time.sleep(0.05)

    def _call(self, method: str, *words: object) -> Any:
        with contextlib.chdir(self.directory):
            proxy = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=_UnixTransport())
            with proxy:
                return getattr(proxy.supervisor, method)(*words)


class _UnixTransport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection("localhost", timeout=START_TIMEOUT_S)
        self._connection = host, connection  # What close() closes.
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(SOCKET)
        except OSError:
            self.sock.close()
            raise


def _configuration(programs: Sequence[Server]) -> str:
    files = min(OPEN_FILES_WANTED, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    lines = ["[supervisord]", "logfile=logs/supervisord.log", "pidfile=supervisord.pid"]
    lines += [f"minfds={files}", "[unix_http_server]", f"file={SOCKET_DISGUISED}", "chmod=0700"]
    lines += ["[rpcinterface:supervisor]"]
    lines += ["supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface"]
    if os.geteuid() == 0:
        lines.insert(1, "user=root")
    for program in programs:
        lines += _section(program)
    return "\n".join(lines) + "\n"


def _section(program: Server) -> Iterator[str]:
    service = program.name.rpartition("-")[0]
    yield f"[program:{program.name}]"
    yield "command=" + _plain(shlex.join(ending_with_us(program.command, program.stop_signal)))
    yield "directory=" + _plain(str(ROOT))
    yield "environment=" + ",".join(
        f'{name}="{_plain(value)}"' for name, value in sorted(program.environment.items())
    )
    yield "autostart=false"
    yield "autorestart=true"
    yield "startsecs=1"
    yield f"stopsignal={program.stop_signal.name.removeprefix('SIG')}"
    yield f"stopwaitsecs={STOP_GRACE_S if service else STORE_STOP_GRACE_S}"
    yield "killasgroup=true"
    yield "redirect_stderr=true"
    yield "stdout_logfile=" + _plain(str(program.log))
    yield f"stdout_logfile_maxbytes={LOG_BYTES_MAX}"
    yield "stdout_logfile_backups=1"


def _plain(value: str) -> str:
    """The value as supervisord's configuration wants it; what it can't say is refused."""
    if '"' in value or "\n" in value or " ;" in value or " #" in value:
        raise ServerFailed(f"supervisord: can't take the value {value!r}")
    return value.replace("%", "%%")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
