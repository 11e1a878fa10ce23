"""A small sound world: two who wait, two who are in a session, two whose session is over.

The services' own code puts everything where it belongs; tests then break one thing. The rows'
constraints would not let them, so these are taken away when all is made.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel
from msgspec import Struct

from services.gateway.realtime.card import Cards
from services.gateway.realtime.connections import Connections
from services.gateway.realtime.presence import Presence
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.streams import stream_key
from services.matcher.config import Settings as MatcherSettings
from services.matcher.pool.tickets import Pool
from services.sessions.config import Settings
from services.sessions.tests.replica import Replica, act, replica_of
from shared.bus import topology
from shared.config import Seconds
from shared.events import ParticipantDeclined, TicketOpened
from shared.identifiers import SessionId, UserId
from shared.memory import Memory, Value, command

# Foreign keys go first: they lean on the unique ones.
CONSTRAINTS = """
SELECT conrelid::regclass::text AS owner, conname AS name FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 ORDER BY contype <> 'f'
"""
UNIQUE = """
SELECT indexrelid::regclass::text AS name FROM pg_index JOIN pg_class ON oid = indexrelid
WHERE indisunique AND relnamespace = 'public'::regnamespace
"""


class World(Struct, frozen=True):
    """`waiting` and `past` are pairs of users, `talking` a pair with their session."""

    replica: Replica
    memory: Memory
    amqp_url: str
    waiting: tuple[UserId, UserId]
    talking: tuple[UserId, UserId, SessionId]
    past: tuple[UserId, UserId, SessionId]

    async def sql(self, statement: str, *arguments: Any) -> None:
        await self.replica.rows(statement, *arguments)

    async def say(self, *words: Value) -> Any:
        [answer] = await self.memory.run([command(*words)])
        return answer

    async def request_of(self, user_id: UserId) -> str:
        """The id of the user's pending request."""
        state = await self.replica.state(user_id)
        assert state.request is not None
        return state.request.request_id

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        async with (
            await aio_pika.connect(self.amqp_url) as connection,
            connection.channel() as channel,
        ):
            yield channel

    async def relax(self) -> None:
        for row in await self.replica.rows(CONSTRAINTS):
            await self.sql(f'ALTER TABLE {row["owner"]} DROP CONSTRAINT "{row["name"]}" CASCADE')
        for row in await self.replica.rows(UNIQUE):
            await self.sql(f"DROP INDEX {row['name']}")


@asynccontextmanager
async def sound_world(database_url: str, redis_url: str, amqp_url: str) -> AsyncIterator[World]:
    async with await aio_pika.connect(amqp_url) as connection:
        await topology.declare(connection)
    async with AsyncExitStack() as stack:
        settings = Settings(database_url=database_url, database_connections_max=2)
        replica = await replica_of(settings, stack)
        memory = Memory.open(redis_url, Seconds(2), 4)
        stack.push_async_callback(memory.close)
        ana, ben, _ = await replica.waiting_pair()
        talking = await replica.talking_pair()
        past = await replica.talking_pair()
        await replica.hear(act(ParticipantDeclined, past[0], past[2]))
        await replica.parts.outbox.finish()
        world = World(
            replica=replica,
            memory=memory,
            amqp_url=amqp_url,
            waiting=(ana, ben),
            talking=talking,
            past=past,
        )
        await fill_pool(world)
        await tell_cards(world, memory)
        yield world


async def fill_pool(world: World) -> None:
    """What waits by now, as its last event told it."""
    settings = MatcherSettings()
    pool = Pool(world.memory, settings)
    pending = {
        str(row["id"])
        for row in await world.replica.rows("SELECT id FROM match_requests WHERE status='pending'")
    }
    for event in world.replica.told(TicketOpened):
        if event.ticket.request_id in pending:
            await pool.open(event.ticket)


async def tell_cards(world: World, memory: Memory) -> None:
    settings = RealtimeSettings()
    cards = Cards(memory, "gateway-1", Connections(), Presence(memory, settings), settings)
    users = (*world.waiting, *world.talking[:2], *world.past[:2])
    states = await asyncio.gather(*map(world.replica.state, users))
    await cards.tell(*states)
    for user_id in world.talking[:2]:
        await world.say("XADD", stream_key(world.talking[2], user_id), "*", "frame", "{}")
