import asyncio
from datetime import datetime

import pytest

from services.sessions.tests.replica import Replica
from shared.config import Seconds
from shared.errors import Unavailable
from shared.events import PoolLost, StateChanged, TicketOpened
from shared.requests import CancelRequest

DUE = "UPDATE {} SET repeat_at = now() WHERE repeat_at IS NOT NULL"
IN_S = "SELECT extract(epoch FROM repeat_at - now())::float FROM {} WHERE repeat_at IS NOT NULL"


async def due(sessions: Replica) -> None:
    for table in ("match_requests", "chat_sessions"):
        await sessions.rows(DUE.format(table))


async def test_a_pending_request_is_told_again_with_its_state(sessions: Replica) -> None:
    ana = await sessions.register()
    await sessions.open(ana)
    first = await sessions.only(TicketOpened)
    await sessions.repeat()
    assert len(sessions.told(TicketOpened)) == 1
    await due(sessions)
    await sessions.repeat()
    assert [event.ticket for event in sessions.told(TicketOpened)] == [first.ticket] * 2
    assert [event.states for event in sessions.told(StateChanged)] == [(await sessions.state(ana),)]


async def test_the_states_of_a_live_session_are_told_again_together(sessions: Replica) -> None:
    ana, ben, _ = await sessions.talking_pair()
    await due(sessions)
    await sessions.repeat()
    states = (await sessions.state(ana), await sessions.state(ben))
    assert [event.states for event in sessions.told(StateChanged)] == [states] * 2


async def test_the_pauses_double_up_to_a_limit(sessions: Replica) -> None:
    await sessions.open(await sessions.register())
    pauses = [await sessions.value(IN_S.format("match_requests"))]
    for _ in range(5):
        await due(sessions)
        await sessions.repeat()
        pauses.append(await sessions.value(IN_S.format("match_requests")))
    expected = [30, 60, 120, 240, 240, 240]
    assert pauses == [pytest.approx(each, abs=2) for each in expected]


async def test_what_is_over_is_not_told_again(sessions: Replica) -> None:
    ana = await sessions.register()
    await sessions.open(ana)
    await sessions.ask(CancelRequest(user_id=ana))
    await sessions.only(StateChanged)
    await due(sessions)
    await sessions.repeat()
    assert len(sessions.told(TicketOpened)) == len(sessions.told(StateChanged)) == 1


async def test_what_could_not_be_told_is_due_again_after_the_lease(sessions: Replica) -> None:
    await sessions.open(await sessions.register())
    await due(sessions)
    sessions.publisher.failing = Unavailable("rabbitmq")
    with pytest.raises(Unavailable):
        await sessions.repeat()
    left_s = await sessions.value(IN_S.format("match_requests"))
    assert left_s == pytest.approx(sessions.settings.repeat_lease_s, abs=2)


async def test_each_of_many_is_told_once_by_any_replica(
    replicas: tuple[Replica, Replica],
) -> None:
    one, _ = replicas
    users = await asyncio.gather(*(one.register() for _ in range(30)))
    await asyncio.gather(*map(one.open, users))
    await due(one)
    async with one.like(sweep_batch=4) as left, one.like(sweep_batch=7) as right:
        await asyncio.gather(left.repeat(), right.repeat())
        told = [event.ticket.user_id for each in (left, right) for event in each.told(TicketOpened)]
    assert sorted(told) == sorted(users)


async def test_a_lost_pool_is_told_everything_open_at_once(sessions: Replica) -> None:
    ana, ben, _ = await sessions.talking_pair()
    eve = await sessions.register("Eve")
    await sessions.open(eve)
    async with sessions.like(sweep_interval_s=Seconds(60)) as patient:
        repeating = asyncio.ensure_future(patient.parts.repeats.step())
        await patient.hear(PoolLost(correlation_id="x", epoch="new"))
        await asyncio.wait_for(repeating, 5)
        assert [event.ticket.user_id for event in patient.told(TicketOpened)] == [eve]
        told = [state.user.id for event in patient.told(StateChanged) for state in event.states]
        assert sorted(told) == sorted([ana, ben, eve])


async def test_a_pool_lost_while_repeating_is_told_again(sessions: Replica) -> None:
    await sessions.open(await sessions.register())
    await due(sessions)
    lost_at: list[datetime] = []

    async def lose(*_: object) -> None:
        if not lost_at:
            lost_at.append(await sessions.value("SELECT now()"))
            await sessions.hear(PoolLost(correlation_id="x", epoch="new"))

    sessions.publisher.publish = lose  # type: ignore[method-assign]
    await sessions.repeat()
    del sessions.publisher.publish
    before = len(sessions.told(TicketOpened))
    await sessions.repeat()
    assert len(sessions.told(TicketOpened)) == before + 1
