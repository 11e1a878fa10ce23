"""A queue that hears every event of a stack, to see afterwards that each is in the contract."""

from collections import Counter
from typing import Any, Final

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from contracts.checking import Untrue, check_event

EXCHANGE: Final = "parley.events"
QUEUE: Final = "tests.witness"
ARGUMENTS: Final[dict[str, Any]] = {"x-queue-type": "classic", "x-max-length": 500_000}
SHOWN_MAX: Final = 20


async def listen(channel: AbstractChannel) -> None:
    """From now on, whether the services have declared anything yet or not."""
    exchange = await channel.declare_exchange(EXCHANGE, "topic", durable=True)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments=ARGUMENTS)
    await queue.purge()
    await queue.bind(exchange, routing_key="#")


async def testify(channel: AbstractChannel) -> Counter[str]:
    """How many events of which type were heard; fails with those that are in no contract.

    To be called when nobody publishes any more.
    """
    queue = await channel.declare_queue(QUEUE, durable=True, arguments=ARGUMENTS)
    heard: Counter[str] = Counter()
    untrue: list[str] = []
    left = queue.declaration_result.message_count or 0
    if left:
        async with queue.iterator(no_ack=True) as messages:
            async for message in messages:
                heard[message.type or ""] += 1
                untrue += _faults(message)
                left -= 1
                if not left:
                    break
    await channel.queue_delete(QUEUE)
    assert not untrue, "\n".join([f"{len(untrue)} are in no contract:", *untrue[:SHOWN_MAX]])
    return heard


def _faults(message: AbstractIncomingMessage) -> list[str]:
    try:
        check_event(message.routing_key or "", message.body, message.headers)
        _check_properties(message)
    except Untrue as error:
        return [str(error)]
    return []


def _check_properties(message: AbstractIncomingMessage) -> None:
    told = (message.type, message.content_type, int(message.delivery_mode or 0))
    if told != (message.routing_key, "application/json", 2):
        raise Untrue(f"{message.routing_key} with properties {told}")
    for name in ("message_id", "correlation_id", "app_id", "timestamp"):
        if not getattr(message, name):
            raise Untrue(f"{message.routing_key} without {name}")
