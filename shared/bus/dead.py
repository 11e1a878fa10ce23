"""The dead letters: what lies in `<queue>.dead`, over AMQP alone."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from msgspec import Struct

from shared.bus import topology
from shared.bus.messages import CAUSE, DIED_AT, FAILURES, QUEUE, event_message, own_headers
from shared.messaging import Encoded

QUEUES = tuple(topology.BINDINGS)

_OURS = frozenset({CAUSE, DIED_AT, FAILURES, QUEUE})


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One dead letter. `age_s` is since it died, or since it was published if nobody knows."""

    queue: str
    event_id: str
    type: str
    age_s: float | None
    cause: str


class Cemetery:
    """The dead letters of every queue. What is looked at stays where it is."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel

    async def count(self, queue: str) -> int:
        dead = await self._channel.declare_queue(topology.dead_of(queue), passive=True)
        return dead.declaration_result.message_count or 0

    async def letters(self, queue: str, at_most: int) -> list[DeadLetter]:
        """The oldest `at_most` letters of a queue."""
        return [_letter(queue, message) async for message in self._messages(queue, at_most)]

    async def died_first_at(self, queue: str) -> datetime | None:
        """When the oldest letter died; given back at once, so that others find it."""
        async for message in self._messages(queue, 1):
            await message.nack(requeue=True)
            return _died_at(message)
        return None

    async def replay(self, queue: str, event_id: str | None = None) -> int:
        """Put letters back into their queue, all or one; how many."""
        replayed = 0
        async for message in self._messages(queue, await self.count(queue)):
            if event_id in (None, message.message_id):
                await self._channel.default_exchange.publish(_revived(message), queue)
                await message.ack()
                replayed += 1
        return replayed

    async def drop(self, queue: str, event_id: str | None = None) -> int:
        """Throw letters away, all or one; how many."""
        dropped = 0
        async for message in self._messages(queue, await self.count(queue)):
            if event_id in (None, message.message_id):
                await message.ack()
                dropped += 1
        return dropped

    async def _messages(self, queue: str, at_most: int) -> AsyncIterator[AbstractIncomingMessage]:
        """Each is given back when the channel closes, unless acknowledged."""
        dead = await self._channel.get_queue(topology.dead_of(queue), ensure=False)
        for _ in range(at_most):
            message = await dead.get(fail=False)
            if message is None:
                return
            yield message


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Cemetery]:
    async with await aio_pika.connect(url, timeout=5) as connection:
        await topology.declare(connection)
        async with connection.channel(on_return_raises=True) as channel:
            yield Cemetery(channel)


def _letter(queue: str, message: AbstractIncomingMessage) -> DeadLetter:
    died_at = _died_at(message)
    age_s = (datetime.now(UTC) - died_at).total_seconds() if died_at is not None else None
    return DeadLetter(
        queue=queue,
        event_id=message.message_id or "",
        type=message.type or "",
        age_s=age_s,
        cause=_cause(message),
    )


def _died_at(message: AbstractIncomingMessage) -> datetime | None:
    died_at = message.headers.get(DIED_AT) or message.timestamp
    return died_at if isinstance(died_at, datetime) else None


def _cause(message: AbstractIncomingMessage) -> str:
    """What we noted, or the broker's reason: `delivery_limit`, `rejected`."""
    cause = message.headers.get(CAUSE) or message.headers.get("x-first-death-reason")
    return str(cause or "unknown")


def _revived(message: AbstractIncomingMessage) -> aio_pika.Message:
    """The message as it was before it died."""
    headers = {
        name: value for name, value in own_headers(message.headers).items() if name not in _OURS
    }
    event = Encoded(
        event_id=message.message_id or "",
        type=message.type or "",
        correlation_id=message.correlation_id or "",
        body=message.body,
    )
    return event_message(event, message.app_id, headers)
