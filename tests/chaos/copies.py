"""Every event a second time: a queue of its own hears all, and some are put back into inboxes."""

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import msgspec
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage
from msgspec import Raw, Struct

from tests.e2e.stores import Stores

INBOX_OF = {
    "ticket.opened": "matcher.inbox",
    "ticket.closed": "matcher.inbox",
    "match.found": "sessions.inbox",
    "user.offline": "sessions.inbox",
    "state.changed": "gateway.inbox",
}
DELAY_MAX_S = 12.0
"""Copies come late and out of order: after whatever they told of is long over."""
TICK_S = 0.02
HEARD_MAX = 200_000


class Heard(Struct, frozen=True):
    """One event as it was published."""

    type: str
    event_id: str
    body: Raw


class Copies:
    """What was published, and how many copies were put back so far."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.heard: list[Heard] = []
        self.republished = 0
        self.keep_on = True
        """Copy what is heard, and put some ticket back at every tick: matchers are never idle."""
        self._due: list[tuple[float, int, AbstractIncomingMessage]] = []
        self._order = itertools.count()
        self._tickets: list[AbstractIncomingMessage] = []

    def bodies(self, kind: str) -> dict[str, Raw]:
        """The events of one type by event id: those published again count once."""
        return {event.event_id: event.body for event in self.heard if event.type == kind}

    async def hear(self, message: AbstractIncomingMessage) -> None:
        assert message.type is not None and message.message_id is not None
        assert len(self.heard) < HEARD_MAX, "events without end"
        self.heard.append(Heard(message.type, message.message_id, Raw(message.body)))
        if message.type == "ticket.opened":
            self._tickets.append(message)
        if self.keep_on and message.type in INBOX_OF and random.random() < self.share:
            due = time.monotonic() + random.uniform(0, DELAY_MAX_S)
            heapq.heappush(self._due, (due, next(self._order), message))

    async def put_back(self, exchange: AbstractExchange) -> None:
        """For ever: what is due goes into its inbox once more, as it was."""
        while True:
            due = [random.choice(self._tickets)] if self._tickets and self.keep_on else []
            while self._due and self._due[0][0] <= time.monotonic():
                due.append(heapq.heappop(self._due)[2])
            for message in due:
                await exchange.publish(copy_of(message), INBOX_OF[str(message.type)])
                self.republished += 1
            await asyncio.sleep(TICK_S)

    def all_put_back(self) -> None:
        assert not self._due, f"{len(self._due)} copies are still to come"


def copy_of(message: AbstractIncomingMessage) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        headers=message.headers,
        content_type=message.content_type,
        delivery_mode=message.delivery_mode,
        correlation_id=message.correlation_id,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
    )


@asynccontextmanager
async def copies(stores: Stores, share: float) -> AsyncIterator[Copies]:
    """Hears everything while the block lasts, and puts this share of it back."""
    everything = Copies(share)
    async with stores.channel() as channel, asyncio.TaskGroup() as tasks:
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind("parley.events", "#")
        await queue.consume(everything.hear, no_ack=True)
        putting = tasks.create_task(everything.put_back(channel.default_exchange))
        try:
            yield everything
        finally:
            putting.cancel()


def decoded(body: Raw) -> dict[str, object]:
    return msgspec.json.decode(body, type=dict[str, object])
