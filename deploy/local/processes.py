"""Processes that are servers: started, waited for until they answer, stopped by their own pid."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
# For throw-away servers, apart from the ports that `make up` takes unless told otherwise. The
# kernel hands out 32768 and above to outgoing connections: a server there would collide.
PORT_MIN, PORT_MAX = 20_000, 32_767
START_TIMEOUT_S = 60.0  # RabbitMQ needs 5 s alone, and several times that on a busy machine.
STOP_TIMEOUT_S = 20.0


class ServerFailed(Exception):
    """A server could not be started; the message is one line that names it and where to look."""


@dataclass(frozen=True)
class Server:
    """One process to run. `ready` says whether it serves, in its own protocol."""

    name: str
    port: int  # Where it serves; it listens on `other_ports` too.
    command: Sequence[str]
    log: Path
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    other_ports: Sequence[int] = ()

    def check_ports(self) -> None:
        """Raises `ServerFailed` naming the first of its ports that someone else listens on."""
        for port in (self.port, *self.other_ports):
            if port_taken(port):
                raise ServerFailed(f"{self.name}: port {port} is taken by another process")


@dataclass(frozen=True)
class Running:
    """A server started here, and its process."""

    server: Server
    process: subprocess.Popen[bytes]

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop it in order; after `timeout_s` kill it and whatever it started."""
        if self.process.poll() is None:
            self.process.send_signal(self.server.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(server: Server, timeout_s: float = START_TIMEOUT_S) -> Running:
    """Start `server` and wait until it is ready. It ends with this process, however that ends.

    Raises `ServerFailed` when its port is taken, it ends early or isn't ready in time.
    """
    server.check_ports()
    with server.log.open("ab") as log:
        process = subprocess.Popen(
            ending_with_us(server.command, server.stop_signal),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **server.environment},
            start_new_session=True,
        )
    running = Running(server, process)
    deadline = time.monotonic() + timeout_s
    while not server.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            running.stop(timeout_s=1)
            raise ServerFailed(f"{server.name}: did not start, see {server.log}")
        time.sleep(0.05)
    return running


def ending_with_us(command: Sequence[str], stop_signal: signal.Signals) -> Sequence[str]:
    """The command, to be sent this signal when its parent ends, be it by SIGKILL."""
    words = ("setpriv", "--pdeathsig", stop_signal.name)
    if command[0] == "setpriv":  # Changing user would forget it: one setpriv does both.
        return (*words, *command[1:])
    return (*words, "--", *command)


def free_port() -> int:
    """A loopback port below the ephemeral range that nobody listens on at this moment."""
    for _ in range(1_000):
        port = random.randint(PORT_MIN, PORT_MAX)
        if not port_taken(port):
            return port
    raise ServerFailed(f"no free port between {PORT_MIN} and {PORT_MAX}")


def port_taken(port: int) -> bool:
    """Whether a server could not bind `port` on loopback now."""
    with socket.socket() as probe:
        # As servers do: a port that only lingers in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False
