"""Whole stacks of real service processes for tests, each before stores that begin empty."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tests.e2e.replica import Replica
from tests.e2e.stores import Servers, Stores

READY_LIMIT_S = 60.0
JWT_SECRET = "only-for-tests-of-the-whole-thing-0123456789"
SERVICES = ("sessions", "matcher", "gateway")


class Shape(Struct, frozen=True):
    """How many replicas of each service, and settings that differ from the defaults."""

    gateways: int = 2
    matchers: int = 2
    sessions: int = 2
    settings: tuple[tuple[str, str], ...] = ()

    def count(self, service: str) -> int:
        return {"gateway": self.gateways, "matcher": self.matchers, "sessions": self.sessions}[
            service
        ]


class Stack:
    """The replicas by service, and the stores they share."""

    def __init__(self, shape: Shape, stores: Stores, directory: Path) -> None:
        self.shape = shape
        self.stores = stores
        self.replicas = [
            Replica(service, number, self._environment(), directory)
            for service in SERVICES
            for number in range(shape.count(service))
        ]

    def _environment(self) -> dict[str, str]:
        return {
            "AMQP_URL": self.stores.amqp_url,
            "REDIS_URL": self.stores.redis_url,
            "DATABASE_URL": self.stores.database_url,
            "JWT_SECRET": JWT_SECRET,
            "PARLEY_ENV": "development",
            "LOG_LEVEL": "info",
            **dict(self.shape.settings),
        }

    def of(self, service: str) -> list[Replica]:
        return [replica for replica in self.replicas if replica.service == service]

    @property
    def urls(self) -> list[str]:
        """The gateways' addresses."""
        return [replica.url for replica in self.of("gateway")]

    def start(self) -> None:
        for replica in self.replicas:
            replica.start()
        self.wait_ready()

    def wait_ready(self, limit_s: float = READY_LIMIT_S) -> None:
        """Until every replica says it is ready; fails with the logs of those that do not."""
        end = time.monotonic() + limit_s
        unready = self.replicas
        while unready := [replica for replica in unready if not replica.ready()]:
            logs = "\n".join(replica.log_end() for replica in unready)
            assert time.monotonic() < end, f"not ready in {limit_s} s:\n{logs}"
            time.sleep(0.1)

    def whole(self) -> bool:
        """Whether every replica runs and was never restarted: fit for the next test."""
        return all(replica.running() and replica.starts == 1 for replica in self.replicas)

    def kill(self) -> None:
        for replica in self.replicas:
            replica.kill()

    def logs(self) -> str:
        return "\n".join(replica.log_end() for replica in self.replicas)


class Stacks:
    """The one stack of this test run: kept while tests want the same shape, else replaced.

    Stacks share a broker and would compete for its queues, so there is never more than one.
    """

    def __init__(self, servers: Servers, directory: Path) -> None:
        self._servers = servers
        self._directory = directory
        self._count = 0
        self._stack: Stack | None = None
        self.failures = 0

    def use(self, shape: Shape) -> Stack:
        """A running stack of this shape, perhaps used by a test before."""
        if self._stack is not None and self._stack.shape == shape and self._stack.whole():
            return self._stack
        self.close()
        stack = self.prepare(shape)
        stack.start()
        return stack

    @contextmanager
    def alone(self, shape: Shape) -> Iterator[Stack]:
        """A running stack of this shape, for one test that leaves more behind than it can tidy."""
        try:
            stack = self.prepare(shape)
            stack.start()
            yield stack
        finally:
            self.close()

    def prepare(self, shape: Shape) -> Stack:
        """A stack not yet started, before empty stores."""
        self.close()
        self._count += 1
        directory = self._directory / f"stack-{self._count}"
        directory.mkdir(parents=True)
        stores = Stores(self._servers)
        self._stack = Stack(shape, stores, directory)
        return self._stack

    def logs(self) -> str:
        """The ends of the present replicas' logs, and where the whole of them is."""
        logs = "" if self._stack is None else self._stack.logs()
        return f"{logs}\n(whole logs: {self._directory})"

    def close(self) -> None:
        if self._stack is not None:
            self._stack.kill()
            self._stack.stores.drop()
            self._stack = None


@contextmanager
def stacks(servers: Servers, directory: Path) -> Iterator[Stacks]:
    """Stacks before these servers; none outlives the block."""
    running = Stacks(servers, directory)
    try:
        yield running
    finally:
        running.close()
