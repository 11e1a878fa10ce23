"""One service process of a test's stack: start it, read its log, stop it or kill it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2

from deploy.local.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
END_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""However the test run ends, its services end with it."""
STOP_LIMIT_S = 10.0
"""A service must stop on SIGTERM within this."""


class Replica:
    """`python -m services.<service>` with its own ports and log. Restarting keeps the ports."""

    def __init__(
        self, service: str, number: int, environment: dict[str, str], directory: Path
    ) -> None:
        self.service = service
        self.name = f"{service}-{number}"
        self.port = free_port()
        self.ops_port = free_port()
        self.log_path = directory / f"{self.name}.log"
        self.starts = 0
        self.environment = {
            **os.environ,
            **environment,
            "PORT": str(self.port),
            f"{service.upper()}_OPS_PORT": str(self.ops_port),
            "PYTHONUNBUFFERED": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def start(self) -> None:
        """Begin; call it from the main thread, whose end is the signal for the process to end."""
        assert not self.running(), f"{self.name} runs already"
        self.starts += 1
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*END_WITH_US, sys.executable, "-m", f"services.{self.service}"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        """Whether `/readyz` of its operations port says 200. Fails at once if the process ended."""
        code = None if self._process is None else self._process.poll()
        assert code is None, f"{self.name} ended with {code}\n{self.log_end()}"
        try:
            answer = httpx2.get(
                f"http://127.0.0.1:{self.ops_port}/readyz", timeout=2, trust_env=False
            )
        except httpx2.TransportError:
            return False
        return answer.status_code == 200

    def kill(self) -> None:
        """SIGKILL: no goodbye, nothing finished."""
        if self._process is not None and self.running():
            self._process.kill()
            self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None and self.running(), f"{self.name} does not run"
        self._process.send_signal(number)

    def stop(self) -> tuple[int, float]:
        """SIGTERM and wait: (exit code, seconds it took). Killed after twice the limit."""
        self.signal(signal.SIGTERM)
        return self.await_end()

    def await_end(self) -> tuple[int, float]:
        """The end of a process told to stop: (exit code, seconds waited here)."""
        begin = time.monotonic()
        assert self._process is not None, f"{self.name} was never started"
        try:
            code = self._process.wait(STOP_LIMIT_S * 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return code, time.monotonic() - begin

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_end(self, lines: int = 30) -> str:
        return f"--- {self.name}\n" + "\n".join(self.log().splitlines()[-lines:])
