"""What a stack keeps and where, as an auditor reads it: rows, keys and queued messages."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import asyncpg
import redis.asyncio
from msgspec import Struct

from tests.e2e import witness

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

INBOXES = ("matcher.inbox", "sessions.inbox", "gateway.inbox")
DEAD = tuple(f"{queue}.dead" for queue in INBOXES)
QUEUES = (*INBOXES, *DEAD, "sessions.requests")
EXCHANGES = ("parley.events", "parley.dead")


class Servers(Struct, frozen=True):
    """The servers tests share. `template` is a migrated database, copied for every stack."""

    amqp_url: str
    redis_url: str
    postgres_url: str
    template: str


class Census(Struct, frozen=True):
    """Rows per table, the names of Redis keys, messages ready per queue."""

    rows: dict[str, int]
    keys: frozenset[str]
    messages: dict[str, int]


class Stores:
    """The stores of one stack: a database of its own, a Redis database, a broker's queues."""

    def __init__(self, servers: Servers) -> None:
        """Everything begins empty. No other stack may be using these servers."""
        self.servers = servers
        self.amqp_url = servers.amqp_url
        self.redis_url = servers.redis_url
        self.database = f"parley_stack_{uuid.uuid4().hex[:12]}"
        parts = urlsplit(servers.postgres_url)
        query = parts.query or "sslmode=disable"
        self.database_url = urlunsplit(parts._replace(path=f"/{self.database}", query=query))
        _run(self._make_empty())

    def drop(self) -> None:
        """The database goes; queues and keys are left for whoever comes next to clear.

        Fails if an event was published that is not in the contract.
        """
        _run(self._drop())

    async def _drop(self) -> None:
        await self._administer(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        async with self.channel() as channel:
            await witness.testify(channel)

    async def _make_empty(self) -> None:
        await self._administer(f"CREATE DATABASE {self.database} TEMPLATE {self.servers.template}")
        async with self.redis() as client:
            await client.flushdb()
        async with self.channel() as channel:
            for queue in QUEUES:
                await channel.queue_delete(queue)
            for exchange in EXCHANGES:
                await channel.exchange_delete(exchange)
            await witness.listen(channel)

    async def _administer(self, statement: str) -> None:
        connection: Connection = await asyncpg.connect(self.servers.postgres_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def postgres(self) -> AsyncIterator[Connection]:
        connection: Connection = await asyncpg.connect(self.database_url)
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def redis(self) -> AsyncIterator["redis.asyncio.Redis"]:
        async with redis.asyncio.from_url(self.redis_url, decode_responses=True) as client:
            yield client

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
        """A channel straight to the broker."""
        async with (
            await aio_pika.connect(self.amqp_url) as connection,
            connection.channel() as channel,
        ):
            yield channel

    async def query(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.postgres() as connection:
            return await connection.fetch(statement, *arguments)

    async def value(self, statement: str, *arguments: Any) -> Any:
        async with self.postgres() as connection:
            return await connection.fetchval(statement, *arguments)

    async def keys(self, pattern: str = "*") -> frozenset[str]:
        async with self.redis() as client:
            return frozenset([key async for key in client.scan_iter(pattern, count=1000)])

    async def messages(self) -> dict[str, int]:
        """Messages ready (not those in a consumer's hand) per queue."""
        async with self.channel() as channel:
            queues = [await channel.declare_queue(name, passive=True) for name in QUEUES]
        return {queue.name: queue.declaration_result.message_count or 0 for queue in queues}

    async def census(self) -> Census:
        async with self.postgres() as connection:
            tables = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            rows = {
                row["tablename"]: await connection.fetchval(
                    f'SELECT count(*) FROM "{row["tablename"]}"'
                )
                for row in tables
            }
        return Census(rows, await self.keys(), await self.messages())


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it now on a loop of its own: stacks are made both inside and outside of running loops."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
