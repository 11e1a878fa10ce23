import asyncio
from functools import partial

import msgspec
import pytest
import structlog
from aio_pika import Message
from aio_pika.abc import AbstractChannel

from shared import events
from shared.errors import Rejected, Unavailable
from shared.events import MatchFound, PoolLost
from shared.testing import Proxy, eventually
from shared.tests.broker import QUICK, Connect, count, has, is_down, is_up, lost

INBOX, DEAD = "sessions.inbox", "sessions.inbox.dead"


class Handling:
    """A handler that remembers; `errors` are raised first, `gate` holds it until set."""

    def __init__(self, *errors: Exception, gated: bool = False) -> None:
        self.began: list[PoolLost] = []
        self.ended: list[PoolLost] = []
        self.most_at_once = 0
        self.contexts: list[dict[str, object]] = []
        self.errors = list(errors)
        self.gate = asyncio.Event()
        if not gated:
            self.gate.set()

    async def __call__(self, event: PoolLost) -> None:
        self.began.append(event)
        self.contexts.append(structlog.contextvars.get_contextvars())
        self.most_at_once = max(self.most_at_once, len(self.began) - len(self.ended))
        if self.errors:
            raise self.errors.pop(0)
        await self.gate.wait()
        self.ended.append(event)

    def has_begun(self, times: int) -> None:
        assert len(self.began) == times

    def has_ended(self, times: int) -> None:
        assert len(self.ended) == times


async def test_a_handled_event_is_gone(connect: Connect, channel: AbstractChannel) -> None:
    handling, event = Handling(), lost()
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await bus.publish(event)
    await eventually(partial(handling.has_ended, 1))
    assert handling.ended == [event]
    assert handling.contexts == [{"correlation_id": "c1", "event_id": event.event_id}]
    await bus.close()
    await has(channel, INBOX, 0)


async def test_an_event_is_acknowledged_only_after_its_effect(
    connect: Connect, channel: AbstractChannel, proxy: Proxy
) -> None:
    """The consumer dies with the message in hand: another one gets it."""
    dying, living = Handling(gated=True), Handling()
    publisher = await connect("matcher")
    bus = await connect("sessions", url=proxy.url)
    await bus.consume({PoolLost: dying})
    await publisher.publish(lost())
    await eventually(partial(dying.has_begun, 1))
    await proxy.refuse()
    other = await connect("sessions")
    await other.consume({PoolLost: living})
    await eventually(partial(living.has_ended, 1))
    dying.gate.set()
    await eventually(partial(dying.has_ended, 1))


async def test_the_prefetch_is_the_number_handled_at_once(connect: Connect) -> None:
    handling = Handling(gated=True)
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling}, prefetch=5)
    await bus.publish(*(lost() for _ in range(12)))
    await eventually(partial(handling.has_begun, 5))
    handling.gate.set()
    await eventually(partial(handling.has_ended, 12))
    assert handling.most_at_once == 5


async def test_an_absent_store_holds_the_event_and_counts_nothing(
    connect: Connect, channel: AbstractChannel
) -> None:
    absences = [Unavailable("postgres") for _ in range(QUICK.handler_failures_max * 3)]
    handling = Handling(*absences)
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await bus.publish(lost())
    await eventually(partial(handling.has_ended, 1))
    assert len(handling.began) == len(absences) + 1
    await has(channel, DEAD, 0)


async def test_a_failing_handler_is_tried_again(connect: Connect, channel: AbstractChannel) -> None:
    handling, event = Handling(KeyError("once"), ValueError("twice")), lost()
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await bus.publish(event)
    await eventually(partial(handling.has_ended, 1))
    assert handling.began == [event] * 3
    await bus.close()
    assert [await count(channel, queue) for queue in (INBOX, DEAD)] == [0, 0]


async def test_a_poison_event_ends_among_the_dead_while_others_flow(
    connect: Connect, channel: AbstractChannel
) -> None:
    poison, others = lost("poison"), [lost() for _ in range(20)]
    handled = []

    async def handle(event: PoolLost) -> None:
        if event == poison:
            raise RuntimeError("cannot swallow this")
        handled.append(event)

    bus = await connect("sessions")
    await bus.consume({PoolLost: handle}, prefetch=2)
    await bus.publish(poison, *others)
    await eventually(partial(has, channel, DEAD, 1))
    assert sorted(handled, key=lambda event: event.event_id) == others
    dead = await (await channel.get_queue(DEAD)).get()
    assert dead.message_id == poison.event_id
    assert dead.headers["x-parley-cause"] == ("failed 3 times: RuntimeError('cannot swallow this')")
    assert dead.headers["x-parley-failures"] == 3
    assert events.decode(dead.body) == poison


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"{", "malformed"),
        (b'{"type":"pool.lost"}', "malformed"),
        (b'{"type":"pool.eaten","event_id":"e","correlation_id":"c"}', "malformed"),
        (b"\xff\xfe", "malformed"),
        (events.encode(lost("x" * 1_048_576)), "oversized"),
        (events.encode(events.UserErased(correlation_id="c", user_id="u", at="a")), "malformed"),  # type: ignore[arg-type]
        (events.encode(events.PulseSent(correlation_id="c", sent_at="2026-11-22T10:00:00Z")),  # type: ignore[arg-type]
         "no handler for pulse.sent"),
    ],
    ids=["broken", "incomplete", "unknown", "binary", "oversized", "mistyped", "not-ours"],
)  # fmt: skip
async def test_what_no_retry_can_help_is_dead_at_once(
    connect: Connect, channel: AbstractChannel, body: bytes, cause: str
) -> None:
    handling = Handling()
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await channel.default_exchange.publish(Message(body, message_id="m1"), INBOX)
    await bus.publish(lost())
    await eventually(partial(has, channel, DEAD, 1))
    await eventually(partial(handling.has_ended, 1))
    assert len(handling.began) == 1
    dead = await (await channel.get_queue(DEAD)).get()
    assert str(dead.headers["x-parley-cause"]).startswith(cause)
    assert dead.message_id == "m1"


async def test_a_handler_may_reject_an_event(connect: Connect, channel: AbstractChannel) -> None:
    handling = Handling(Rejected("a match of one"))
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await bus.publish(lost())
    await eventually(partial(has, channel, DEAD, 1))
    handling.has_begun(1)


async def test_stopping_finishes_what_is_in_hand_and_takes_no_more(
    connect: Connect, channel: AbstractChannel
) -> None:
    handling = Handling(gated=True)
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await bus.publish(lost(), lost())
    await eventually(partial(handling.has_begun, 2))

    async def takes_no_more() -> None:
        await bus.publish(lost())
        assert await count(channel, INBOX) > 0

    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(bus.stop_consuming())
        await eventually(takes_no_more)
        assert not stopping.done()
        handling.gate.set()
    in_hand = len(handling.began)
    handling.has_ended(in_hand)
    left = await count(channel, INBOX)
    await bus.close()
    handling.has_begun(in_hand)
    await has(channel, INBOX, left)


async def test_stopping_gives_back_what_is_held_for_an_absent_store(
    connect: Connect, channel: AbstractChannel
) -> None:
    handling = Handling(*(Unavailable("postgres") for _ in range(1000)))
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await bus.publish(lost())
    await eventually(partial(handling.has_begun, 2))
    await bus.stop_consuming()
    await eventually(partial(has, channel, INBOX, 1))
    await has(channel, DEAD, 0)


async def test_a_handler_of_another_type_is_not_called(connect: Connect) -> None:
    handling, other = Handling(), Handling()
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling, MatchFound: other})
    await bus.publish(lost())
    await eventually(partial(handling.has_ended, 1))
    other.has_begun(0)


async def test_an_event_redelivered_while_its_handler_still_runs_is_a_duplicate(
    connect: Connect, channel: AbstractChannel, proxy: Proxy
) -> None:
    """The old acknowledgement meets a closed channel: that must hurt nobody."""
    handling = Handling(gated=True)
    publisher = await connect("matcher")
    bus = await connect("sessions", url=proxy.url)
    await bus.consume({PoolLost: handling})
    await publisher.publish(lost())
    await eventually(partial(handling.has_begun, 1))
    proxy.cut()
    await eventually(partial(handling.has_begun, 2))
    handling.gate.set()
    await eventually(partial(handling.has_ended, 2))
    await publisher.publish(lost())
    await eventually(partial(handling.has_ended, 3))
    await bus.close()
    assert [await count(channel, queue) for queue in (INBOX, DEAD)] == [0, 0]


async def test_an_event_held_for_an_absent_store_is_let_go_with_its_connection(
    connect: Connect, channel: AbstractChannel, proxy: Proxy
) -> None:
    """Else each reconnect would leave one more task holding the same message."""
    away = True
    attempts = 0

    async def handle(_event: PoolLost) -> None:
        nonlocal attempts
        attempts += 1
        if away:
            raise Unavailable("postgres")

    publisher = await connect("matcher")
    bus = await connect("sessions", url=proxy.url)
    await bus.consume({PoolLost: handle})
    await publisher.publish(lost())
    for cuts in range(3):
        await eventually(partial(_assert_more, lambda: attempts, attempts + 2))
        proxy.cut()
        accepted = proxy.accepted
        await eventually(partial(_assert_more, lambda: proxy.accepted, accepted))
        assert cuts < 3
    await eventually(partial(is_up, bus))
    assert len(bus._subscriptions[0]._in_hand) <= 1
    away = False
    await bus.stop_consuming()


def _assert_more(number, than) -> None:  # type: ignore[no-untyped-def]
    assert number() > than


@pytest.mark.parametrize("times", [5])
async def test_a_consumer_resumes_after_every_cut(
    connect: Connect, channel: AbstractChannel, proxy: Proxy, times: int
) -> None:
    handling = Handling()
    publisher = await connect("matcher")
    bus = await connect("sessions", url=proxy.url)
    await bus.consume({PoolLost: handling})
    for each in range(times):
        event = lost(str(each))
        await publisher.publish(event)
        await eventually(partial(_assert_in, event, handling.ended))
        proxy.cut()
    await eventually(partial(has, channel, INBOX, 0))


def _assert_in(event: PoolLost, ended: list[PoolLost]) -> None:
    assert event in ended


async def test_a_consumer_resumes_after_its_broker_was_away(connect: Connect, proxy: Proxy) -> None:
    handling = Handling()
    publisher = await connect("matcher")
    bus = await connect("sessions", url=proxy.url)
    await bus.consume({PoolLost: handling})
    await proxy.refuse()
    await publisher.publish(lost())
    handling.has_begun(0)
    await proxy.accept()
    await eventually(partial(handling.has_ended, 1))


async def test_a_consumer_whose_connection_hangs_notices_it_and_resumes(
    connect: Connect, proxy: Proxy
) -> None:
    """No byte comes and nothing is closed: the heartbeat tells."""
    handling = Handling()
    publisher = await connect("matcher")
    settings = msgspec.structs.replace(QUICK, amqp_heartbeat_s=1, amqp_connect_timeout_s=0.5)
    bus = await connect("sessions", url=proxy.url, settings=settings)
    await bus.consume({PoolLost: handling})
    proxy.hold()
    await publisher.publish(lost())
    await eventually(partial(is_down, bus), deadline_s=15)
    handling.has_begun(0)
    proxy.release()
    await eventually(partial(handling.has_ended, 1), deadline_s=10)


async def test_consuming_may_begin_while_the_broker_is_away(connect: Connect, proxy: Proxy) -> None:
    handling = Handling()
    publisher = await connect("matcher")
    bus = await connect("sessions", url=proxy.url)
    await proxy.refuse()
    await bus.consume({PoolLost: handling})
    await publisher.publish(lost())
    await proxy.accept()
    await eventually(partial(handling.has_ended, 1))


async def test_a_consumer_resumes_when_its_queue_was_deleted(
    connect: Connect, channel: AbstractChannel
) -> None:
    """The broker cancels the consumer and leaves the channel open: nothing else would show."""
    handling = Handling()
    bus = await connect("sessions")
    await bus.consume({PoolLost: handling})
    await channel.queue_delete(INBOX)

    async def arrives() -> None:
        try:
            await bus.publish(lost())
        except Unavailable as error:
            raise AssertionError("the queue is not back yet") from error

    await eventually(arrives)
    await eventually(partial(_assert_more, lambda: len(handling.ended), 0))
