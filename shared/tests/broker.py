"""What the tests of the bus share: quick settings, and looking at queues behind its back."""

from collections.abc import Awaitable, Callable

from aio_pika.abc import AbstractChannel
from msgspec.structs import replace

from shared.bus import Bus
from shared.config import BusSettings, Seconds
from shared.errors import Unavailable
from shared.events import PoolLost

Connect = Callable[..., Awaitable[Bus]]

QUICK = BusSettings(
    amqp_reconnect_max_s=Seconds(0.2),
    amqp_down_grace_s=Seconds(1),
    amqp_publish_timeout_s=Seconds(2),
    handler_failures_max=3,
    handler_backoff_s=Seconds(0.01),
    handler_backoff_max_s=Seconds(0.1),
)
"""As shipped but for the waiting."""

PATIENT = replace(QUICK, amqp_publish_timeout_s=Seconds(20), amqp_down_grace_s=Seconds(20))
"""Where everything must arrive in the end, be the machine as busy as it may."""


def lost(epoch: str = "e") -> PoolLost:
    """An event for sessions.inbox."""
    return PoolLost(correlation_id="c1", epoch=epoch)


async def count(channel: AbstractChannel, queue: str) -> int:
    """Messages ready in a queue; those in somebody's hands are not counted."""
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def has(channel: AbstractChannel, queue: str, messages: int) -> None:
    assert await count(channel, queue) == messages


async def is_up(bus: Bus) -> None:
    try:
        await bus.check()
    except Unavailable as error:
        raise AssertionError("not up yet") from error


async def is_down(bus: Bus) -> None:
    try:
        await bus.check()
    except Unavailable:
        return
    raise AssertionError("still up")
