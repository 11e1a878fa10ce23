"""The stores of the running stack, opened for reading by whoever looks in from outside."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aio_pika
import asyncpg
import redis.asyncio
from aio_pika.exceptions import ChannelNotFoundEntity
from msgspec import Struct

INBOXES = ("matcher.inbox", "sessions.inbox", "gateway.inbox")
DEAD = tuple(f"{queue}.dead" for queue in INBOXES)
QUEUES = (*INBOXES, "sessions.requests", *DEAD)
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_MS = "60000"


class Stores(Struct, frozen=True):
    """`redis` gives text. The rows are read in transactions that cannot write."""

    postgres: "asyncpg.Connection[asyncpg.Record]"
    redis: "redis.asyncio.Redis"
    broker: aio_pika.abc.AbstractConnection

    async def messages(self) -> dict[str, int | None]:
        """Messages ready per queue, None where there is no such queue."""
        return {queue: await self._ready(queue) for queue in QUEUES}

    async def _ready(self, queue: str) -> int | None:
        async with self.broker.channel() as channel:  # a queue that is missing kills its channel
            try:
                declared = await channel.declare_queue(queue, passive=True)
            except ChannelNotFoundEntity:
                return None
        return declared.declaration_result.message_count or 0


@asynccontextmanager
async def opened(environ: Mapping[str, str]) -> AsyncIterator[Stores]:
    """Those that DATABASE_URL, REDIS_URL and AMQP_URL name. Raises `OSError` and the libraries'."""
    async with AsyncExitStack() as stack:
        postgres: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            environ["DATABASE_URL"],
            timeout=CONNECT_TIMEOUT_S,
            server_settings={
                "application_name": "parley-operations",
                "default_transaction_read_only": "on",
                "statement_timeout": STATEMENT_TIMEOUT_MS,
                "timezone": "UTC",
            },
        )
        stack.push_async_callback(postgres.close)
        client = redis.asyncio.from_url(
            environ["REDIS_URL"], decode_responses=True, socket_connect_timeout=CONNECT_TIMEOUT_S
        )
        stack.push_async_callback(client.aclose)
        await client.ping()
        broker = await aio_pika.connect(environ["AMQP_URL"], timeout=CONNECT_TIMEOUT_S)
        stack.push_async_callback(broker.close)
        yield Stores(postgres, client, broker)
