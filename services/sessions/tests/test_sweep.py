import asyncio
import time

from services.sessions.tests.replica import Replica
from services.sessions.tests.soundness import assert_sound
from shared.config import Seconds
from shared.domain import RequestEndReason, RequestStatus, SessionEndReason
from shared.events import PulseReturned, PulseSent, RequestEnded, StateChanged, TicketClosed
from shared.identifiers import UserId

BACKDATE = """
UPDATE match_requests SET since = since - interval '1 h', expires_at = now() - interval '1 s'
WHERE status = 'pending'
"""
LATE = "UPDATE chat_sessions SET join_by = now() - interval '1 s'"


async def test_a_request_expires_at_its_time_and_not_before(sessions: Replica) -> None:
    ana = await sessions.register()
    await sessions.open(ana, timeout_s=1)
    began = time.monotonic()
    await sessions.parts.sweep.expire()
    assert (await sessions.state(ana)).request is not None
    while not sessions.told(StateChanged):
        await sessions.parts.sweep.expire_next()
    assert 0.9 < time.monotonic() - began < 1.5
    state = await sessions.state(ana)
    assert state.request is None
    assert state.last_request is not None
    assert state.last_request.status is RequestStatus.EXPIRED
    assert state.last_request.reason is RequestEndReason.TIMEOUT
    assert (await sessions.only(StateChanged)).states == (state,)
    assert (await sessions.only(TicketClosed)).request_id == state.last_request.request_id
    assert 1 <= (await sessions.only(RequestEnded)).waited_s < 1.5


async def test_more_requests_than_a_batch_expire_once_each(
    replicas: tuple[Replica, Replica],
) -> None:
    one, _ = replicas
    users = await asyncio.gather(*(one.register() for _ in range(30)))
    await asyncio.gather(*map(one.open, users))
    await one.rows(BACKDATE)
    async with one.like(sweep_batch=4) as left, one.like(sweep_batch=7) as right:
        await asyncio.gather(left.parts.sweep.expire(), right.parts.sweep.expire())
        assert len(left.told(RequestEnded) + right.told(RequestEnded)) == 30
        await assert_sound(left, right)


async def test_a_user_held_for_long_makes_nobody_else_late(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    await sessions.open(ana)
    await sessions.rows(BACKDATE)
    async with sessions.database.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", ana)
        await asyncio.wait_for(sessions.parts.sweep.expire(), 1)
        await sessions.open(ben)
        await sessions.rows(BACKDATE)
        await asyncio.wait_for(sessions.parts.sweep.expire(), 1)
        assert (await sessions.state(ben)).request is None
    await sessions.parts.sweep.expire()
    assert (await sessions.state(ana)).request is None


async def test_nobody_joins_and_the_session_is_abandoned(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.calm()
    await sessions.parts.sweep.meet_deadlines()
    assert (await sessions.state(ana)).session is not None
    await sessions.rows(LATE)
    await sessions.parts.sweep.meet_deadlines()
    for user in (ana, ben):
        state = await sessions.state(user)
        assert (state.session, state.request) == (None, None)
        assert state.last_session is not None
        assert state.last_session.session_id == session_id
        assert state.last_session.reason is SessionEndReason.ABANDONED
    await assert_sound(sessions)


async def test_both_have_the_join_timeout_to_join(sessions: Replica) -> None:
    async with sessions.like(session_join_timeout_s=Seconds(7)) as quick:
        ana, _, _ = await quick.talking_pair()
        session = (await quick.state(ana)).session
        last = (await quick.state(ana)).last_request
        assert session is not None
        assert last is not None
        assert (session.join_by - last.ended_at).total_seconds() == 7


async def held(sessions: Replica, ana: UserId) -> bool:
    """Whether a deadline that has passed is held off now."""
    await sessions.rows(LATE)
    await sessions.parts.sweep.meet_deadlines()
    return (await sessions.state(ana)).session is not None


async def test_deadlines_wait_until_pulses_have_come_for_a_while(sessions: Replica) -> None:
    ana, _, _ = await sessions.talking_pair()
    assert await held(sessions, ana)
    await sessions.calm()
    assert not await held(sessions, ana)


async def test_deadlines_wait_after_a_gap_in_the_pulses(sessions: Replica) -> None:
    ana, _, _ = await sessions.talking_pair()
    await sessions.calm()
    await sessions.rows("DELETE FROM pulses WHERE sent_at BETWEEN now() - interval '12 s' "
                        "AND now() - interval '7 s'")  # fmt: skip
    assert await held(sessions, ana)
    await sessions.rows("UPDATE pulses SET sent_at = sent_at - interval '1 h'")
    await sessions.calm()
    assert not await held(sessions, ana)


async def test_deadlines_wait_while_pulses_cease(sessions: Replica) -> None:
    ana, _, _ = await sessions.talking_pair()
    await sessions.calm()
    await sessions.rows("DELETE FROM pulses WHERE sent_at > now() - interval '5 s'")
    assert await held(sessions, ana)


async def test_deadlines_wait_while_a_pulse_is_out_too_long_and_forget_a_lost_one(
    sessions: Replica,
) -> None:
    ana, _, _ = await sessions.talking_pair()
    await sessions.calm()
    out = "UPDATE pulses SET returned_at = NULL WHERE sent_at = (SELECT sent_at FROM pulses " \
          "WHERE sent_at < now() - $1 * interval '1 s' ORDER BY sent_at DESC LIMIT 1)"  # fmt: skip
    await sessions.rows(out, 1.0)
    await sessions.rows(out, 20.0)
    assert await held(sessions, ana)
    await sessions.rows("UPDATE pulses SET sent_at = now() - interval '61 s' "
                        "WHERE sent_at = (SELECT min(sent_at) FROM pulses "
                        "                 WHERE returned_at IS NULL)")  # fmt: skip
    assert not await held(sessions, ana)


async def test_deadlines_wait_after_a_pulse_came_back_late(sessions: Replica) -> None:
    ana, _, _ = await sessions.talking_pair()
    await sessions.calm()
    await sessions.rows("UPDATE pulses SET returned_at = sent_at + interval '6 s' "
                        "WHERE sent_at < now() - interval '12 s'")  # fmt: skip
    assert await held(sessions, ana)


async def test_one_pulse_a_second_goes_round(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    await asyncio.gather(*(each.beat() for each in (one, other) * 3))
    sent = one.told(PulseSent) + other.told(PulseSent)
    assert len(sent) == len({event.sent_at for event in sent}) <= 2
    for event in sent:
        await other.hear(PulseReturned(correlation_id="x", sent_at=event.sent_at))
    assert await one.value("SELECT count(*) FROM pulses WHERE returned_at IS NULL") == 0


async def test_what_has_expired_is_deleted(sessions: Replica) -> None:
    ana = await sessions.register()
    await sessions.rows("UPDATE refresh_tokens SET created_at = now() - interval '2 h', "
                        "expires_at = now() - interval '1 h'")  # fmt: skip
    await sessions.rows("INSERT INTO pulses SELECT now() - n * interval '1 min' "
                        "FROM generate_series(0, 9) AS n")  # fmt: skip
    await sessions.rows(
        "INSERT INTO idempotency_keys SELECT $1, 'op', n::text, '', $1, "
        "now() - (n - 5) * interval '1 h' FROM generate_series(1, 20) AS n",
        ana,
    )
    async with sessions.like(sweep_batch=3) as other:
        await other.parts.sweep.prune()
    assert await sessions.value("SELECT count(*) FROM refresh_tokens") == 0
    assert await sessions.value("SELECT count(*) FROM pulses") == 5
    assert await sessions.value("SELECT count(*) FROM idempotency_keys") == 4
