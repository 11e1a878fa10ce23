"""What the bus counts, seen on the way that messages really take."""

import asyncio
import contextlib
import time
from functools import partial

import msgspec
import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel

from shared.config import Seconds
from shared.errors import Refused, Rejected, Unavailable
from shared.events import PoolLost
from shared.identifiers import minted_at_s, new_id
from shared.metrics import value
from shared.requests import Done, UnblockUser
from shared.testing import Proxy, Rise, eventually
from shared.tests.broker import QUICK, Connect, is_down, lost

INBOX, DEAD = "sessions.inbox", "sessions.inbox.dead"
WATCHFUL = msgspec.structs.replace(QUICK, amqp_watch_interval_s=Seconds(0.05))


def shows(name: str, expected: float, **labels: str) -> None:
    assert value(name, **labels) == expected


def consumed(outcome: str, kind: str = "pool.lost") -> Rise:
    return Rise("parley_events_consumed_total", queue=INBOX, type=kind, outcome=outcome)


async def test_an_event_counts_as_published_handled_and_fresh(connect: Connect) -> None:
    async def handle(_event: PoolLost) -> None:
        pass

    published = Rise("parley_events_published_total", type="pool.lost", outcome="confirmed")
    handling = Rise("parley_event_handling_seconds_count", queue=INBOX, type="pool.lost")
    aged, handled = Rise("parley_event_age_seconds_count", queue=INBOX), consumed("handled")
    bus = await connect("sessions")
    await bus.consume({PoolLost: handle})
    await bus.publish(lost())
    await eventually(partial(handled.reaches, 1))
    assert published.by == handling.by == aged.by == 1


async def test_the_oldest_event_in_hand_shows_while_it_is_held(connect: Connect) -> None:
    let_go = asyncio.Event()

    async def handle(_event: PoolLost) -> None:
        if not let_go.is_set():
            raise Unavailable("redis")

    bus = await connect("sessions")
    await bus.consume({PoolLost: handle})
    await bus.publish(lost())

    def held() -> None:
        assert value("parley_inbox_oldest_seconds", queue=INBOX) > 0.1

    await eventually(held)
    let_go.set()
    await eventually(partial(shows, "parley_inbox_oldest_seconds", 0.0, queue=INBOX))


async def test_how_old_an_event_is_follows_from_when_it_was_made(connect: Connect) -> None:
    async def handle(_event: PoolLost) -> None:
        pass

    series = "parley_event_age_seconds"
    bus = await connect("sessions")
    await bus.consume({PoolLost: handle})
    before = value(f"{series}_sum", queue=INBOX)
    made = f"{int((time.time() - 100) * 1000):012x}"
    event_id = f"{made[:8]}-{made[8:]}-{new_id()[14:]}"
    await bus.publish(msgspec.structs.replace(lost(), event_id=event_id))

    def aged() -> None:
        assert 99 < value(f"{series}_sum", queue=INBOX) - before < 110

    await eventually(aged)


def test_only_our_identifiers_tell_when_they_were_minted() -> None:
    minted_at = minted_at_s(new_id())
    assert minted_at is not None and abs(minted_at - time.time()) < 5
    assert minted_at_s("c1") is None
    assert minted_at_s("6f1de9c5-0b1e-4c62-9b5e-2f1d6f1de9c5") is None


async def test_an_event_nobody_takes_in_time_counts_as_unavailable(
    connect: Connect, proxy: Proxy
) -> None:
    bus = await connect("sessions", url=proxy.url)
    await proxy.refuse()
    proxy.cut()
    await eventually(partial(is_down, bus))
    failed = Rise("parley_events_published_total", type="pool.lost", outcome="unavailable")
    with pytest.raises(Unavailable):
        await bus.publish(lost())
    assert failed.by == 1
    shows("parley_amqp_link_up", 0, link="sessions.publishing")
    assert value("parley_amqp_links_lost_total", link="sessions.publishing") >= 1


async def test_attempts_and_dead_letters_count_by_their_cause(
    connect: Connect, channel: AbstractChannel
) -> None:
    errors: list[Exception] = [Unavailable("postgres"), ValueError(), Rejected("of no use")]

    async def handle(_event: PoolLost) -> None:
        raise errors.pop(0)

    held = Rise("parley_events_retried_total", queue=INBOX, cause="unavailable")
    failed = Rise("parley_events_retried_total", queue=INBOX, cause="failed")
    buried = Rise("parley_events_buried_total", queue=INBOX, cause="rejected")
    malformed = Rise("parley_events_buried_total", queue=INBOX, cause="malformed")
    bus = await connect("sessions")
    await bus.consume({PoolLost: handle})
    await bus.publish(lost())
    await eventually(partial(buried.reaches, 1))
    assert held.by == failed.by == 1
    await channel.default_exchange.publish(Message(b"nonsense"), INBOX)
    await eventually(partial(malformed.reaches, 1))


async def test_a_dead_letter_shows_with_its_age(
    connect: Connect, channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reject(_event: PoolLost) -> None:
        raise Rejected("of no use")

    bus = await connect("sessions", settings=WATCHFUL)
    await bus.consume({PoolLost: reject})
    await eventually(partial(shows, "parley_queue_messages", 0, queue=DEAD))
    shows("parley_dead_letter_age_seconds", 0, queue=INBOX)
    await bus.publish(lost())
    await eventually(partial(shows, "parley_queue_messages", 1, queue=DEAD))

    def older() -> None:  # AMQP counts seconds.
        assert 1 < value("parley_dead_letter_age_seconds", queue=INBOX) < 30

    await eventually(older)
    await (await channel.get_queue(DEAD)).purge()
    await eventually(partial(shows, "parley_queue_messages", 0, queue=DEAD))
    await eventually(partial(shows, "parley_dead_letter_age_seconds", 0, queue=INBOX))


async def test_an_inbox_that_grows_shows(connect: Connect, channel: AbstractChannel) -> None:
    gate = asyncio.Event()

    async def wait(_event: PoolLost) -> None:
        await gate.wait()

    bus = await connect("sessions", settings=WATCHFUL)
    await bus.consume({PoolLost: wait}, prefetch=1)
    await bus.publish(*(lost() for _ in range(4)))
    await eventually(partial(shows, "parley_queue_messages", 3, queue=INBOX))
    gate.set()
    await eventually(partial(shows, "parley_queue_messages", 0, queue=INBOX))


async def test_watching_goes_on_after_the_queues_were_deleted(
    connect: Connect, channel: AbstractChannel
) -> None:
    async def handle(_event: PoolLost) -> None:
        pass

    bus = await connect("sessions", settings=WATCHFUL)
    await bus.consume({PoolLost: handle})
    await eventually(partial(shows, "parley_amqp_link_up", 1, link="sessions.watching"))
    before = value("parley_amqp_links_lost_total", link="sessions.watching")
    await channel.queue_delete(DEAD)

    def healed() -> None:
        assert value("parley_amqp_links_lost_total", link="sessions.watching") > before
        shows("parley_amqp_link_up", 1, link="sessions.watching")

    await eventually(healed, deadline_s=10)


async def test_questions_count_on_both_sides_by_what_came_of_them(connect: Connect) -> None:
    # mypy: any text will do for a UserId here.
    asked = UnblockUser(user_id=new_id(), blocked_id=new_id())  # type: ignore[arg-type]
    answers: list[Done | Exception] = [Done(), Refused("unknown-user", "no"), ValueError()]

    async def answer(_request: UnblockUser) -> Done:
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    sessions, gateway = await connect("sessions"), await connect("gateway")
    await sessions.answer({UnblockUser: answer})

    for came, told in (("answered", "answered"), ("refused", "refused"), ("unavailable", "failed")):
        asking = Rise("parley_requests_asked_total", type="block.delete", outcome=came)
        answering = Rise("parley_requests_answered_total", type="block.delete", outcome=told)
        with contextlib.suppress(Refused, Unavailable):
            await gateway.ask(asked)
        assert asking.by == answering.by == 1, came
    assert value("parley_request_asked_seconds_count", type="block.delete") >= 3
