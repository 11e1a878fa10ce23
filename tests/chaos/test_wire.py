"""The wire itself, against a real broker: a test that rests on it is worth what it is."""

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from deploy.local.processes import free_port
from shared.testing import eventually
from tests.e2e.wire import Wire

QUEUE = "parley.test.wire"


async def test_an_acknowledgement_withheld_means_a_redelivery(amqp_url: str) -> None:
    async with Wire(amqp_url, free_port()).open() as wire:
        async with await aio_pika.connect(wire.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(QUEUE, durable=True)
            await queue.purge()
            body = b"x" * 200_000  # Several frames of 128 KiB at most.
            await channel.default_exchange.publish(aio_pika.Message(body), QUEUE)
            first = await received(queue)
            assert (first.body == body, first.redelivered) == (True, False)
            wire.hold()
            await first.ack()
            await eventually(lambda: assert_withheld(wire))
            wire.cut()
        assert (wire.delivered, wire.redelivered) == (1, 0)
        async with await aio_pika.connect(wire.url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(QUEUE)
            second = await received(queue)
            assert (second.body == body, second.redelivered) == (True, True)
            await second.ack()
            await channel.queue_delete(QUEUE)
        assert (wire.delivered, wire.redelivered) == (2, 1)


async def received(queue: aio_pika.abc.AbstractQueue) -> AbstractIncomingMessage:
    async with queue.iterator(timeout=5) as messages:
        return await anext(messages)


def assert_withheld(wire: Wire) -> None:
    assert wire.withheld == 1
