"""The connection to Redis: time-outs, scripts by their names, and what counts as unavailable."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis.asyncio
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from services.matcher.config import PoolSettings
from shared.errors import Unavailable

LUA = Path(__file__).parents[1] / "lua"

# Redis is there and cannot serve for now: loading, failing over, out of memory or of disk.
_UNABLE_CLASSES = (
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
)
_UNABLE_CODES = ("LOADING", "MISCONF", "MASTERDOWN", "NOREPLICAS", "BUSY")


@contextmanager
def reaching() -> Iterator[None]:
    """Turns "cannot be reached" and "cannot serve now" into `Unavailable`; all else is a bug."""
    try:
        yield
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        raise Unavailable("redis") from error
    except exceptions.ResponseError as error:
        if isinstance(error, _UNABLE_CLASSES) or str(error).startswith(_UNABLE_CODES):
            raise Unavailable("redis") from error
        raise


class Connection:
    """A bounded set of connections to one Redis. Make it with `connect`."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        # Any: redis-py types a reply for all its modes at once; here they are bytes and integers.
        self.client: Any = client
        texts = {path.stem: path.read_text() for path in LUA.glob("*.lua")}
        self._scripts = {name: client.register_script(text) for name, text in texts.items()}

    @classmethod
    async def connect(cls, settings: PoolSettings) -> "Connection":
        """Raises `Unavailable` while Redis is not there or still loads."""
        connections = redis.asyncio.BlockingConnectionPool.from_url(
            settings.redis_url,
            max_connections=settings.redis_connections_max,
            timeout=settings.redis_timeout_s,
            socket_timeout=settings.redis_timeout_s,
            socket_connect_timeout=settings.redis_timeout_s,
            socket_keepalive=True,
            health_check_interval=30,
            protocol=2,
            # Mends connections that a restart has cut; what lasts longer is held by the bus.
            retry=Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), retries=2),
        )
        connection = cls(redis.asyncio.Redis.from_pool(connections))
        try:
            await connection.ping()
        except BaseException:
            await connection.close()
            raise
        return connection

    async def close(self) -> None:
        await self.client.aclose()

    async def ping(self) -> None:
        with reaching():
            await self.client.ping()

    async def run(self, script: str, names: Sequence[str], args: Sequence[Any] = ()) -> Any:
        """What `lua/<script>.lua` gives. Loaded by its hash, again after Redis forgot it."""
        with reaching():
            return await self._scripts[script](keys=names, args=args)

    async def now_ms(self) -> int:
        """Redis's own time, ms since 1970."""
        with reaching():
            seconds, microseconds = await self.client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000
