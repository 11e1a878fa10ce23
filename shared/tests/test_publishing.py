import asyncio
import time
from functools import partial

import msgspec
import pytest
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel

from shared import events
from shared.bus import topology
from shared.errors import Rejected, Unavailable
from shared.events import AnyEvent, PoolLost, UserErased
from shared.identifiers import UserId
from shared.messaging import encoded
from shared.testing import Proxy, eventually
from shared.tests.broker import PATIENT, QUICK, Connect, count, is_down, is_up, lost


@pytest.mark.parametrize(
    ("queue", "kind"),
    [(queue, kind) for queue, kinds in topology.BINDINGS.items() for kind in kinds],
)
async def test_a_published_event_is_in_its_inbox(
    connect: Connect,
    channel: AbstractChannel,
    golden: dict[str, AnyEvent],
    queue: str,
    kind: type[AnyEvent],
) -> None:
    bus = await connect("sessions")
    await bus.publish(golden[events.event_type(kind)])
    assert await count(channel, queue) == 1
    assert [await count(channel, other) for other in topology.BINDINGS if other != queue] == [0, 0]


async def test_an_event_says_on_the_wire_what_it_is(
    connect: Connect, channel: AbstractChannel
) -> None:
    bus = await connect("matcher")
    event = lost()
    await bus.publish_encoded(encoded(event))
    message = await (await channel.get_queue("sessions.inbox")).get()
    assert message.message_id == event.event_id
    assert message.correlation_id == "c1"
    assert message.type == message.routing_key == "pool.lost"
    assert message.app_id == "matcher"
    assert message.content_type == "application/json"
    assert message.delivery_mode == DeliveryMode.PERSISTENT
    assert abs(message.timestamp.timestamp() - time.time()) < 10  # type: ignore[union-attr]
    assert msgspec.json.decode(message.body)["type"] == "pool.lost"
    await message.ack()


async def test_thousands_of_publishes_are_in_flight_together(
    connect: Connect, channel: AbstractChannel
) -> None:
    bus = await connect("matcher", settings=PATIENT)
    await asyncio.gather(*(bus.publish(lost(), lost()) for _ in range(1000)))
    assert await count(channel, "sessions.inbox") == 2000


async def test_an_event_that_a_service_must_hear_is_never_lost_silently(
    connect: Connect, channel: AbstractChannel
) -> None:
    bus = await connect("matcher")
    queue = await channel.get_queue("sessions.inbox")
    await queue.unbind("parley.events", "pool.lost")
    with pytest.raises(Unavailable):
        await bus.publish(lost())


async def test_one_unroutable_of_many_fails_them_but_stops_none(
    connect: Connect, channel: AbstractChannel, golden: dict[str, AnyEvent]
) -> None:
    bus = await connect("matcher")
    queue = await channel.get_queue("sessions.inbox")
    await queue.unbind("parley.events", "pool.lost")
    with pytest.raises(Unavailable):
        await bus.publish(lost(), golden["match.found"], golden["pulse.sent"])
    assert await count(channel, "sessions.inbox") == 1
    assert await count(channel, "gateway.inbox") == 1


async def test_an_event_nobody_listens_to_is_no_error(
    connect: Connect, golden: dict[str, AnyEvent]
) -> None:
    bus = await connect("sessions")
    erased = golden["user.erased"]
    assert isinstance(erased, UserErased)
    assert erased.user_id == UserId(erased.user_id)
    await bus.publish(erased)


async def test_an_oversized_event_is_rejected_before_it_is_sent(connect: Connect) -> None:
    bus = await connect("matcher")
    with pytest.raises(Rejected):
        await bus.publish(lost("x" * 1_048_576))
    await bus.publish(lost("x" * 1_000_000))


async def test_a_channel_killed_by_an_error_is_replaced_within_the_publish(
    connect: Connect, channel: AbstractChannel
) -> None:
    """Without its exchange the broker closes the channel: 404."""
    bus = await connect("matcher")
    await bus.publish(lost())
    await channel.exchange_delete("parley.events")
    await bus.publish(lost())
    assert await count(channel, "sessions.inbox") == 2


async def test_publishes_in_flight_when_the_connection_is_cut_arrive(
    connect: Connect, channel: AbstractChannel, proxy: Proxy
) -> None:
    bus = await connect("matcher", url=proxy.url, settings=PATIENT)
    sent = [lost() for _ in range(1000)]
    confirmed: list[str] = []

    async def publish(event: PoolLost) -> None:
        await bus.publish(event)
        confirmed.append(event.event_id)

    def has_confirmed(at_least: int) -> None:
        assert len(confirmed) >= at_least

    async with asyncio.TaskGroup() as tasks:
        for event in sent:
            tasks.create_task(publish(event))
        for at_least in (50, 500):
            await eventually(partial(has_confirmed, at_least))
            proxy.cut()
    queue = await channel.get_queue("sessions.inbox")
    arrived = {(await queue.get()).message_id for _ in range(await count(channel, queue.name))}
    assert arrived == {event.event_id for event in sent}


async def test_a_short_absence_of_the_broker_is_waited_out(connect: Connect, proxy: Proxy) -> None:
    bus = await connect("matcher", url=proxy.url)
    await proxy.refuse()
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(bus.publish(lost()))
        await eventually(lambda: is_down(bus))
        assert not publishing.done()
        await proxy.accept()


async def test_a_long_absence_of_the_broker_refuses_at_once(connect: Connect, proxy: Proxy) -> None:
    bus = await connect("matcher", url=proxy.url)
    await proxy.refuse()
    with pytest.raises(Unavailable):
        await bus.publish(lost())
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.publish(lost())
    assert time.monotonic() - began < 0.2
    with pytest.raises(Unavailable):
        await bus.check()
    await proxy.accept()
    await eventually(lambda: is_up(bus))
    await bus.publish(lost())


async def test_a_broker_that_says_nothing_makes_a_publish_time_out(
    connect: Connect, proxy: Proxy
) -> None:
    bus = await connect("matcher", url=proxy.url)
    proxy.hold()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.publish(lost())
    assert 1.9 < time.monotonic() - began < 2.5
    proxy.release()
    await bus.publish(lost())


async def test_a_publish_outlives_a_connection_that_hangs(connect: Connect, proxy: Proxy) -> None:
    """aiormq then ends what is pending with a CancelledError, though nobody cancelled anything."""
    settings = msgspec.structs.replace(
        QUICK, amqp_heartbeat_s=1, amqp_connect_timeout_s=0.5, amqp_publish_timeout_s=30
    )
    bus = await connect("matcher", url=proxy.url, settings=settings)
    proxy.hold()
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(bus.publish(lost()))
        await eventually(partial(is_down, bus), deadline_s=15)
        proxy.release()
    assert not publishing.cancelled()
    await is_up(bus)


async def test_cancelling_a_publish_cancels_it(connect: Connect, proxy: Proxy) -> None:
    bus = await connect("matcher", url=proxy.url)
    proxy.hold()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await bus.publish(lost())
    proxy.release()
    await bus.publish(lost())
