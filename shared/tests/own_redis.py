"""A Redis of a test's own, to be stopped, started and emptied."""

import shutil
from pathlib import Path

from deploy.local import processes, servers


class OwnRedis:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = processes.free_port()
        self._running: processes.Running | None = None
        self.url = f"redis://{processes.HOST}:{self._port}/0"

    def start(self) -> None:
        self._running = processes.start(servers.redis(self._directory, self._port))

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def forget(self) -> None:
        """While it is stopped: it comes back empty."""
        shutil.rmtree(self._directory)
