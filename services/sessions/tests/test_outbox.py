import asyncio

import pytest

from services.sessions.store.database import Transaction
from services.sessions.tests.replica import Replica
from shared.config import Seconds
from shared.errors import Rejected, Unavailable
from shared.events import TicketClosed, TicketOpened, UserErased, UserRegistered
from shared.identifiers import RequestId, UserId, new_id
from shared.messaging import Encoded

LEFT = "SELECT count(*) FROM outbox"
AGE = "UPDATE outbox SET created_at = created_at - interval '1 min'"


async def erase_in_outbox(transaction: Transaction) -> None:
    user_id = UserId(new_id())
    transaction.events.append(
        UserErased(correlation_id=user_id, user_id=user_id, at=transaction.now)
    )


async def test_what_is_confirmed_is_forgotten(sessions: Replica) -> None:
    await sessions.register()
    await sessions.only(UserRegistered)
    assert await sessions.value(LEFT) == 1
    await sessions.parts.outbox.forget_confirmed()
    assert await sessions.value(LEFT) == 0


async def test_what_is_confirmed_while_others_are_forgotten_is_forgotten_too(
    sessions: Replica,
) -> None:
    confirming, publish = asyncio.Event(), sessions.publisher.publish_encoded

    async def publish_slowly(*messages: Encoded) -> None:
        await confirming.wait()
        await publish(*messages)

    await sessions.register()
    await sessions.only(UserRegistered)
    # mypy takes a method of an instance for its class's; here it is this publisher's alone.
    sessions.publisher.publish_encoded = publish_slowly  # type: ignore[method-assign]
    await sessions.register()
    await sessions.parts.outbox.forget_confirmed()
    assert await sessions.value(LEFT) == 1
    confirming.set()
    await sessions.parts.outbox.finish()
    assert await sessions.value(LEFT) == 0


async def test_what_its_process_could_not_publish_another_relays(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    ana = await one.register()
    await one.only(UserRegistered)
    await one.parts.outbox.forget_confirmed()
    one.publisher.failing = Unavailable("rabbitmq")
    opened = await one.open(ana)
    await one.parts.outbox.finish()
    await other.parts.outbox.relay()
    assert other.publisher.published == [], "its process may still be publishing"
    await one.rows(AGE)
    await asyncio.gather(other.parts.outbox.relay(), other.parts.outbox.relay())
    [event] = other.publisher.published
    assert isinstance(event, TicketOpened)
    assert event.ticket.request_id == opened.request.request_id
    assert await one.value(LEFT) == 0


async def test_many_rows_are_relayed_in_batches_once_each(
    replicas: tuple[Replica, Replica],
) -> None:
    one, _ = replicas
    one.publisher.failing = Unavailable("rabbitmq")
    users = await asyncio.gather(*(one.register() for _ in range(50)))
    await one.rows(AGE)
    async with one.like(outbox_batch=7) as left, one.like(outbox_batch=7) as right:
        await asyncio.gather(left.parts.outbox.relay(), right.parts.outbox.relay())
        told = left.told(UserRegistered) + right.told(UserRegistered)
    assert sorted(event.user_id for event in told) == sorted(users)
    assert await one.value(LEFT) == 0


async def test_the_relay_keeps_what_it_cannot_publish(sessions: Replica) -> None:
    sessions.publisher.failing = Unavailable("rabbitmq")
    await sessions.register()
    await sessions.rows(AGE)
    await sessions.parts.outbox.relay()
    assert await sessions.value(LEFT) == 1
    sessions.publisher.failing = None
    await sessions.parts.outbox.relay()
    await sessions.only(UserRegistered)


async def test_what_can_never_be_published_holds_up_nothing(sessions: Replica) -> None:
    sessions.publisher.failing = Rejected("too large")
    await sessions.register()
    await sessions.parts.outbox.finish()
    assert await sessions.value(LEFT) == 0


async def test_an_effect_that_fails_causes_no_event(sessions: Replica) -> None:
    async def fail(transaction: Transaction) -> None:
        await erase_in_outbox(transaction)
        raise Unavailable("nerves")

    with pytest.raises(Unavailable):
        await sessions.parts.outbox.transact((), fail)
    await sessions.parts.outbox.finish()
    assert sessions.publisher.published == []
    assert await sessions.value(LEFT) == 0


async def test_what_handlers_cause_is_published_before_they_return_but_history(
    sessions: Replica,
) -> None:
    async def close_and_erase(transaction: Transaction) -> None:
        await erase_in_outbox(transaction)
        request_id, now = RequestId(new_id()), transaction.now
        transaction.events.append(
            TicketClosed(correlation_id=request_id, request_id=request_id, expires_at=now)
        )

    await sessions.parts.outbox.transact((), close_and_erase, publish_first=True)
    assert [type(event) for event in sessions.publisher.published] == [TicketClosed]
    await sessions.only(UserErased)


async def test_a_ticket_opened_alone_is_on_its_way_before_its_owner_is_answered(
    sessions: Replica,
) -> None:
    await sessions.open(await sessions.register())
    assert len(sessions.told(TicketOpened)) == 1


async def test_publishing_that_falls_behind_is_left_to_the_relay(sessions: Replica) -> None:
    async with sessions.like(outbox_in_flight_max=0) as busy:
        held = asyncio.Event()

        async def hold(*_: object) -> None:
            await held.wait()

        busy.publisher.publish_encoded = hold  # type: ignore[method-assign]
        for _ in range(3):
            await busy.parts.outbox.transact((), erase_in_outbox)
        held.set()
        await busy.parts.outbox.finish()
        assert await busy.value(LEFT) == 2


async def test_a_stop_waits_for_what_is_being_published(sessions: Replica) -> None:
    await asyncio.gather(*(sessions.register() for _ in range(5)))
    await sessions.parts.outbox.finish()
    assert len(sessions.told(UserRegistered)) == 5
    assert await sessions.value(LEFT) == 0


async def test_a_stop_does_not_wait_for_ever(sessions: Replica) -> None:
    async with sessions.like(outbox_finish_timeout_s=Seconds(0.05)) as stuck:
        held = asyncio.Event()

        async def hold(*_: object) -> None:
            await held.wait()

        stuck.publisher.publish_encoded = hold  # type: ignore[method-assign]
        await stuck.register()
        await asyncio.wait_for(stuck.parts.outbox.finish(), 2)
        held.set()
