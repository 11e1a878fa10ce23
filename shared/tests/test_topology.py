import contextlib
from functools import partial

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from shared.bus import Bus, topology
from shared.errors import TopologyMismatch, Unavailable
from shared.events import PoolLost
from shared.identifiers import UserId
from shared.requests import GetVersions
from shared.testing import Proxy, eventually
from shared.tests.broker import Connect, has, lost


async def test_declaring_again_changes_nothing(connect: Connect, channel: AbstractChannel) -> None:
    publisher = await connect("matcher")
    await publisher.publish(lost())
    await connect("sessions")
    await has(channel, "sessions.inbox", 1)


async def test_a_queue_declared_otherwise_stops_the_start_and_is_named(
    clean_amqp_url: str, channel: AbstractChannel
) -> None:
    await channel.declare_queue("matcher.inbox", durable=True)
    with pytest.raises(TopologyMismatch, match=r"inequivalent arg .* for queue 'matcher\.inbox'"):
        await Bus.connect(clean_amqp_url, "sessions")


async def test_no_broker_at_the_start_is_unavailable(unused_tcp_port: int) -> None:
    with pytest.raises(Unavailable):
        await Bus.connect(f"amqp://guest:guest@127.0.0.1:{unused_tcp_port}/", "sessions")


async def test_a_message_that_keeps_killing_its_process_dies(
    connect: Connect, channel: AbstractChannel
) -> None:
    """Only the broker counts these: the process that would count is dead."""
    bus = await connect("sessions")
    event = lost()
    await bus.publish(event)
    queue = await channel.get_queue("sessions.inbox")
    for _ in range(topology.DELIVERIES_MAX + 1):
        message = await queue.get(timeout=5)
        await message.nack(requeue=True)
    await eventually(partial(has, channel, "sessions.inbox.dead", 1))
    await has(channel, "sessions.inbox", 0)
    dead = await (await channel.get_queue("sessions.inbox.dead")).get()
    assert dead.headers["x-first-death-reason"] == "delivery_limit"
    assert dead.message_id == event.event_id


async def test_a_broker_that_comes_back_empty_is_furnished_again(
    connect: Connect, channel: AbstractChannel, proxy: Proxy
) -> None:
    handled: list[PoolLost] = []

    async def handle(event: PoolLost) -> None:
        handled.append(event)

    async def versions(_request: GetVersions) -> dict[UserId, int]:
        return {}

    publisher = await connect("matcher", url=proxy.url)
    sessions = await connect("sessions", url=proxy.url)
    await sessions.consume({PoolLost: handle})
    await sessions.answer({GetVersions: versions})
    await proxy.refuse()
    for queue in ("sessions.inbox", "sessions.inbox.dead", "sessions.requests"):
        await channel.queue_delete(queue)
    for exchange in ("parley.events", "parley.dead"):
        await channel.exchange_delete(exchange)
    await proxy.accept()

    async def arrives() -> None:
        with contextlib.suppress(Unavailable):
            await publisher.publish(lost())
        assert handled

    await eventually(arrives)
    assert await publisher.ask(GetVersions(user_ids=())) == {}


async def test_events_are_only_bound_where_a_service_hears_them(
    connect: Connect, channel: AbstractChannel
) -> None:
    await connect("sessions")
    exchange = await channel.get_exchange("parley.events", ensure=False)
    with pytest.raises(aio_pika.exceptions.PublishError):
        await exchange.publish(aio_pika.Message(b"{}"), "user.registered")
