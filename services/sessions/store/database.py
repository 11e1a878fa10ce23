"""The pool of connections, and transactions that lock the users they concern first."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import asyncpg
import msgspec

from services.sessions import metrics
from services.sessions.config import DatabaseSettings
from services.sessions.store.failures import Overtaken, failures_mapped
from shared import tracing
from shared.errors import Unavailable
from shared.events import AnyEvent
from shared.identifiers import UserId
from shared.metrics import timed

T = TypeVar("T")

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

LOCK = """
SELECT coalesce(array_agg(id), '{{}}') AS locked, clock_timestamp() AS now
FROM (SELECT id FROM users WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE {skip})
    AS locked
"""  # the clock is read after the last lock is held, so that times follow the order of the locks
LOCK_ALL = LOCK.format(skip="")
LOCK_FREE = LOCK.format(skip="SKIP LOCKED")

PARTNERS = """
SELECT them.user_id FROM participants AS me
JOIN participants AS them ON them.session_id = me.session_id AND them.user_id <> me.user_id
WHERE me.live AND me.user_id = ANY($1::uuid[])
"""


class Transaction:
    """One open transaction: who is locked, the store's clock, and the events it causes.

    `locked` holds those of the wanted users who exist (and, when asked to skip, were free).
    `traces` are those of the events that belong to another than the one in hand, by correlation id.
    """

    def __init__(self, connection: Connection, locked: frozenset[UserId], now: datetime) -> None:
        self.connection = connection
        self.locked = locked
        self.now = now
        self.events: list[AnyEvent] = []
        self.traces: dict[str, str] = {}


Body = Callable[[Transaction], Awaitable[T]]


class Database:
    """Postgres. Every method raises `Unavailable("postgres")` when it cannot be reached in time."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", settings: DatabaseSettings) -> None:
        self._pool = pool
        self._settings = settings

    @classmethod
    async def connect(cls, settings: DatabaseSettings) -> "Database":
        milliseconds = str(int(settings.database_statement_timeout_s * 1000))
        pool = asyncpg.create_pool(
            settings.database_url,
            init_size=settings.database_connections_first,
            min_size=0,  # no task in the background that insists while Postgres is away
            max_size=settings.database_connections_max,
            timeout=settings.database_connect_timeout_s,
            max_cached_statement_lifetime=0,
            # The server gives up first and says so; the client only if the network is silent.
            command_timeout=settings.database_statement_timeout_s + 1,
            init=_prepare,
            reset=_keep,
            server_settings={
                "application_name": "parley-sessions",
                "timezone": "UTC",
                # Every statement here is a few key look-ups: planning it anew, or compiling it,
                # takes longer than running it, and no table is ever worth reading whole, as a hash
                # or merge join would, by a plan made while it was small.
                "plan_cache_mode": "force_generic_plan",
                "jit": "off",
                "enable_seqscan": "off",
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
                "default_transaction_isolation": "read committed",
                "statement_timeout": milliseconds,
                "lock_timeout": milliseconds,
                "idle_in_transaction_session_timeout": str(
                    int(settings.database_idle_in_transaction_timeout_s * 1000)
                ),
            },
        )
        with failures_mapped():
            await pool
        return cls(pool, settings)

    async def close(self) -> None:
        """Waits for what is in hand, then cuts."""
        try:
            async with asyncio.timeout(self._settings.database_close_timeout_s):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def ping(self) -> None:
        async with self.connection() as connection:
            await connection.execute("SELECT 1")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """For single statements; each sees one snapshot and commits by itself."""
        timeout_s = self._settings.database_acquire_timeout_s
        with _failures_counted(), failures_mapped():
            with timed(metrics.ACQUIRING):
                async with asyncio.timeout(timeout_s):  # asyncpg's own costs a task each time
                    connection = await self._pool.acquire()
            metrics.IN_USE.inc()
            try:
                yield connection
            except TimeoutError:
                connection.terminate()  # nobody knows what still runs on it
                raise
            finally:
                metrics.IN_USE.dec()
                await self._pool.release(connection, timeout=timeout_s)

    async def transact(
        self,
        user_ids: Collection[UserId],
        body: Body[T],
        *,
        with_partners: bool = False,
        skip_locked: bool = False,
    ) -> T:
        """What `body` returns, committed; `body` runs with the users locked in id order.

        `with_partners` locks the partners in their live sessions too. Overtaken transactions run
        again from the start with a fresh `Transaction`, so `body` must only touch that.
        """
        tries_max = self._settings.database_tries_max
        span = tracing.span("postgres transaction", tracing.CLIENT, db__system__name="postgresql")
        with span, timed(metrics.TRANSACTION):
            for attempt in range(1, tries_max + 1):
                try:
                    return await self._try(user_ids, body, with_partners, skip_locked)
                except Overtaken:
                    if attempt == tries_max:
                        raise
                    await asyncio.sleep(random.uniform(0, 0.01) * 2**attempt)
        raise AssertionError("the last try returns or raises")

    async def _try(
        self,
        user_ids: Collection[UserId],
        body: Body[T],
        with_partners: bool,
        skip_locked: bool,
    ) -> T:
        async with self.connection() as connection, connection.transaction():
            wanted = set(user_ids)
            if with_partners:
                partners = await connection.fetch(PARTNERS, wanted)
                wanted.update(row["user_id"] for row in partners)
            lock = LOCK_FREE if skip_locked else LOCK_ALL
            row = await connection.fetchrow(lock, wanted)
            assert row is not None, "an aggregate has one row"
            return await body(Transaction(connection, frozenset(row["locked"]), row["now"]))


@contextmanager
def _failures_counted() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        metrics.FAILED.labels("overtaken" if isinstance(error, Overtaken) else "unavailable").inc()
        raise


async def structs(
    connection: Connection, decoder: msgspec.json.Decoder[T], query: str, *arguments: Any
) -> Sequence[T]:
    """The rows of a query whose only column is JSON in the shape of a struct."""
    return [decoder.decode(row[0]) for row in await connection.fetch(query, *arguments)]


def rows(status: str) -> int:
    """How many rows a command wrote: 12 of "UPDATE 12"."""
    return int(status.rpartition(" ")[2])


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Identifiers are text everywhere in Parley."""
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", encoder=str, decoder=str, format="text"
    )


async def _keep(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Nothing is set on a connection that would have to be undone: spare the round trip."""
