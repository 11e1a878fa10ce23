"""Every exchange, queue and binding of Parley, declared by every service before it publishes.

Names carry no version yet: a queue that needs other arguments gets a new name, because declaring
an existing one differently is a channel error (406), which is raised here as `TopologyMismatch`.
"""

from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelPreconditionFailed
from pamqp.common import FieldTable

from shared import events
from shared.errors import TopologyMismatch
from shared.events import (
    AnyEvent,
    MatchFound,
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
    PoolLost,
    PoolMeasured,
    PulseReturned,
    PulseSent,
    StateChanged,
    TicketClosed,
    TicketOpened,
    UserOffline,
)

EVENTS: Final = "parley.events"
DEAD: Final = "parley.dead"
REQUESTS: Final = "sessions.requests"

# A message comes back once per lost connection or killed process, also while its handler merely
# holds it for a store that is away. Only one that keeps killing its process should reach this.
DELIVERIES_MAX: Final = 100
# Enough for hours without a consumer; then publishers are refused and the outbox keeps the rest.
INBOX_MESSAGES_MAX: Final = 1_000_000
# Looking at the dead letters is a delivery each time; RabbitMQ 4 would drop them after 20.
DEAD_DELIVERIES_MAX: Final = 1_000_000

BINDINGS: Final[dict[str, tuple[type[AnyEvent], ...]]] = {
    "matcher.inbox": (TicketOpened, TicketClosed),
    "sessions.inbox": (
        MatchFound,
        PoolLost,
        ParticipantJoined,
        ParticipantDeclined,
        ParticipantConnected,
        ParticipantFailed,
        ParticipantLeft,
        UserOffline,
        PulseReturned,
    ),
    "gateway.inbox": (StateChanged, PoolMeasured, PulseSent),
}

# What a service must hear: unroutable is then an error, never a silent loss.
MANDATORY: Final = frozenset(
    events.event_type(kind) for kinds in BINDINGS.values() for kind in kinds
)


def inbox_of(service: str) -> str:
    return f"{service}.inbox"


def dead_of(queue: str) -> str:
    return f"{queue}.dead"


async def declare(connection: AbstractConnection) -> None:
    """Declare everything, on a channel of its own because a mismatch kills the channel.

    Raises `TopologyMismatch`, which says what the broker holds against it.
    """
    channel = await connection.channel(publisher_confirms=False)
    try:
        await _declare_exchanges_and_queues(channel)
    except ChannelPreconditionFailed as error:
        raise TopologyMismatch(f"declared otherwise at the broker: {error}") from error
    finally:
        await channel.close()


async def _declare_exchanges_and_queues(channel: AbstractChannel) -> None:
    await channel.declare_exchange(EVENTS, aio_pika.ExchangeType.TOPIC, durable=True)
    await channel.declare_exchange(DEAD, aio_pika.ExchangeType.DIRECT, durable=True)
    for inbox, kinds in BINDINGS.items():
        dead = await channel.declare_queue(dead_of(inbox), durable=True, arguments=dead_arguments())
        await dead.bind(DEAD, routing_key=inbox)
        queue = await channel.declare_queue(inbox, durable=True, arguments=inbox_arguments(inbox))
        for kind in kinds:
            await queue.bind(EVENTS, routing_key=events.event_type(kind))
    await channel.declare_queue(REQUESTS, durable=True, arguments={"x-queue-type": "classic"})


def inbox_arguments(inbox: str) -> FieldTable:
    """All explicit: RabbitMQ 3.10 and 4.x differ in their defaults."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERIES_MAX,
        "x-dead-letter-exchange": DEAD,
        "x-dead-letter-routing-key": inbox,
        "x-dead-letter-strategy": "at-least-once",  # needs reject-publish
        "x-overflow": "reject-publish",
        "x-max-length": INBOX_MESSAGES_MAX,
    }


def dead_arguments() -> FieldTable:
    return {"x-queue-type": "quorum", "x-delivery-limit": DEAD_DELIVERIES_MAX}
