"""The way into Redis: pipelines of scripts and commands, and what counts as out of reach.

Redis is fast memory that may vanish: nothing here is lost for good, so every failure to reach it
is `Unavailable("redis")` and whoever asked tries again or goes on without.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.resources import files
from typing import Any

import redis.asyncio
from msgspec import Struct
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from shared import tracing
from shared.config import Seconds
from shared.errors import Unavailable
from shared.metrics import counter, histogram

Value = str | bytes | int | float
_OUT_OF_REACH = (
    ConnectionError,
    TimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    ClusterDownError,
    TryAgainError,
)
# Answers without an exception class of their own that mean "not now" rather than "never".
_NOT_NOW = ("MISCONF", "LOADING", "MASTERDOWN", "NOREPLICAS", "BUSY ")

_seconds = histogram("parley_redis_seconds", "Round trips to Redis.", "client")
_failures = counter("parley_redis_failures", "Round trips that found Redis out of reach.", "client")


class Script(Struct, frozen=True):
    """A Lua script: its text and the SHA-1 that names it on the server.

    It may run twice, when the answer of the first run was lost, and must allow for that.
    """

    source: str
    sha1: str
    name: str = "script"

    @classmethod
    def load(cls, package: str, name: str) -> "Script":
        """`lua/<name>.lua` of the package that keeps the keys the script touches."""
        source = files(package).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
        sha1 = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        return cls(source, sha1, name)

    def call(self, keys: Sequence[str], arguments: Sequence[Value] = ()) -> "Command":
        return Command(("EVALSHA", self.sha1, len(keys), *keys, *arguments), self)


class Command(Struct, frozen=True):
    """One command of a pipeline; `script` is what it runs, if it runs one."""

    words: tuple[Value, ...]
    script: Script | None = None

    @property
    def name(self) -> str:
        """The command's word, or the script's name."""
        return self.script.name if self.script is not None else str(self.words[0])

    def spelled_out(self) -> "Command":
        """The same call carrying the script's text, for a server that does not know it yet."""
        assert self.script is not None
        return Command(("EVAL", self.script.source, *self.words[2:]))


def command(*words: Value) -> Command:
    return Command(words)


class Memory:
    """A Redis server. Every method raises `Unavailable("redis")` when it is out of reach."""

    def __init__(self, client: redis.asyncio.Redis, timeout_s: Seconds, name: str) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._seconds = _seconds.labels(name)
        self._failures = _failures.labels(name)

    @classmethod
    def open(
        cls, url: str, timeout_s: Seconds, connections_max: int, name: str = "redis"
    ) -> "Memory":
        """Connects when first used. `timeout_s` bounds each `run` as a whole: the queue for one
        of the `connections_max` connections, connecting, the answers, and trying again.

        Its figures go by `name`.
        """
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=connections_max,
            timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            # With a time-out here redis-py sends through `asyncio.wait_for`, which before Python
            # 3.12 loses a cancellation that comes as it ends: the process would never stop.
            socket_timeout=None,
            socket_keepalive=True,
            # Everything said to Redis may be said twice; the second try is for pooled connections
            # that died with a restart of the server.
            retry=Retry(ExponentialBackoff(base=0.01, cap=0.1), retries=2),
            # RESP2 needs no handshake, and answers look the same on every version of the server.
            protocol=2,
        )
        return cls(redis.asyncio.Redis(connection_pool=pool), timeout_s, name)

    async def close(self) -> None:
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    async def ping(self) -> None:
        await self.run([command("PING")])

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """The answers, in order, of one round trip (two when the server lost the scripts).

        Commands of one call run in order but are no transaction; each script is atomic. Scripts
        that the server lost run after all the others.
        """
        if not commands:
            return []
        began = time.perf_counter()
        try:
            with _span(commands):
                return await self._answers(commands)
        except Unavailable:
            self._failures.inc()
            raise
        finally:
            self._seconds.observe(time.perf_counter() - began)

    async def _answers(self, commands: Sequence[Command]) -> list[Any]:
        answers = await self._pipeline(commands)
        strangers = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if strangers:
            again = await self._pipeline([commands[i].spelled_out() for i in strangers])
            for i, answer in zip(strangers, again, strict=True):
                answers[i] = answer
        for answer in answers:
            if isinstance(answer, RedisError):
                raise _named(answer)
        return answers

    async def _pipeline(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for one in commands:
            pipeline.execute_command(*one.words)
        try:
            async with asyncio.timeout(self._timeout_s):
                return list(await pipeline.execute(raise_on_error=False))
        except RedisError as error:
            raise _named(error) from error
        except OSError as error:  # the time-out is one
            raise Unavailable("redis") from error


def _span(commands: Sequence[Command]) -> AbstractContextManager[object]:
    if not tracing.in_hand():  # as on most ways here: do not even look
        return nullcontext()
    return tracing.span(
        f"redis {commands[0].name}",
        tracing.CLIENT,
        db__system__name="redis",
        db__query__summary=" ".join(dict.fromkeys(one.name for one in commands)),
        db__operation__batch__size=len(commands),
    )


def _named(error: RedisError) -> Exception:
    """`Unavailable` if trying again may help, else the error itself: a programmer's."""
    if isinstance(error, _OUT_OF_REACH):
        return Unavailable("redis")
    if isinstance(error, ResponseError) and str(error).startswith(_NOT_NOW):
        return Unavailable("redis")
    return error
