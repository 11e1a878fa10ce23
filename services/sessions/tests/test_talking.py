"""A session from the ring to the end, in real Postgres."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.sessions.session import Act
from services.sessions.tests.replica import ENGLISH, Replica, act, match
from services.sessions.tests.soundness import assert_sound
from shared.config import Seconds
from shared.domain import (
    EndedSession,
    FailReason,
    Level,
    LiveSession,
    SessionEndReason,
    SessionStatus,
)
from shared.errors import Rejected
from shared.events import (
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
    SessionEnded,
    Silent,
    StateChanged,
    TicketOpened,
    UserOffline,
)
from shared.identifiers import ConnectionId, SessionId, UserId, new_id
from shared.requests import BlockUser, ChangeProfile, EraseUser, GetSession
from shared.testing import eventually

ACTS: tuple[type[Act], ...] = (
    ParticipantJoined,
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantLeft,
)
STARTS = "UPDATE chat_sessions SET starts = $1"


async def live(sessions: Replica, user: UserId) -> LiveSession:
    session = (await sessions.state(user)).session
    assert session is not None
    return session


async def ended(sessions: Replica, user: UserId) -> EndedSession:
    state = await sessions.state(user)
    assert state.session is None
    assert state.last_session is not None
    return state.last_session


async def joined_pair(sessions: Replica) -> tuple[UserId, UserId, SessionId]:
    """Both have joined and negotiate."""
    ana, ben, session_id = await sessions.talking_pair()
    for user in (ana, ben):
        await sessions.hear(act(ParticipantJoined, user, session_id))
    return ana, ben, session_id


async def after(sessions: Replica, seconds: float) -> None:
    """What is due when so many seconds more have passed, is done."""
    await sessions.ago(seconds)
    await sessions.parts.sweep.meet_deadlines()


async def assert_ended(
    sessions: Replica,
    pair: Collection[UserId],
    reason: SessionEndReason,
    by: Collection[UserId],
    requeued: Collection[UserId],
) -> None:
    """Both are told the same end, each their own part in it; the requeued wait as before."""
    assert (await sessions.only(SessionEnded)).reason is reason
    for user in pair:
        last, state = await ended(sessions, user), await sessions.state(user)
        assert (last.reason, last.by_you) == (reason, user in by)
        assert (last.requeued_as is not None) == (user in requeued)
        assert (state.request.request_id if state.request else None) == last.requeued_as
        since = "SELECT since FROM match_requests WHERE user_id = $1 GROUP BY since"
        assert len(await sessions.rows(since, user)) == 1, "a requeue waits since the beginning"
    await assert_sound(sessions)


async def test_both_join_and_connect_and_each_step_is_told(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.hear(act(ParticipantJoined, ana, session_id))
    session = await live(sessions, ana)
    assert (session.status, session.joined, session.partner_joined) == ("waiting", True, False)
    session = await live(sessions, ben)
    assert (session.joined, session.partner_joined, session.generation) == (False, True, 1)
    await sessions.hear(act(ParticipantJoined, ben, session_id))
    session = await live(sessions, ana)
    assert (session.status, session.generation) == (SessionStatus.CONNECTING, 2)
    assert session.connect_by is not None
    assert (session.active_at, session.ends_at, session.turn) == (None, None, None)
    await sessions.hear(act(ParticipantConnected, ana, session_id))
    assert (await live(sessions, ana)).status is SessionStatus.CONNECTING
    await sessions.hear(act(ParticipantConnected, ben, session_id))
    session = await live(sessions, ana)
    assert (session.status, session.generation) == (SessionStatus.ACTIVE, 2)
    assert session.active_at is not None
    assert session.ends_at is not None
    assert (session.ends_at - session.active_at).total_seconds() == 3600
    told = sessions.told(StateChanged)
    assert len(told) == 5
    assert set(told[-1].states) == {await sessions.state(ana), await sessions.state(ben)}
    await assert_sound(sessions)


@pytest.mark.parametrize(
    ("starts", "first", "second"),
    [(0, ("en", Level.B1), ("es", Level.B2)), (1, ("es", Level.B2), ("en", Level.B1))],
)
async def test_languages_alternate_and_both_are_told(
    sessions: Replica, starts: int, first: tuple[str, Level], second: tuple[str, Level]
) -> None:
    await sessions.calm(60)
    ana, ben, session_id = await joined_pair(sessions)
    await sessions.rows(STARTS, starts)
    for user in (ana, ben):
        await sessions.hear(act(ParticipantConnected, user, session_id))
    turn = (await live(sessions, ana)).turn
    assert turn is not None
    assert (turn.number, turn.language, turn.level) == (0, *first)
    assert (turn.until - turn.since).total_seconds() == 600
    assert (await live(sessions, ben)).turn == turn
    await after(sessions, 599)
    turn = (await live(sessions, ana)).turn
    assert turn is not None
    assert turn.number == 0
    await after(sessions, 1)
    turn = (await live(sessions, ana)).turn
    assert turn is not None
    assert (turn.number, turn.language, turn.level) == (1, *second)
    assert (await live(sessions, ben)).turn == turn
    told = {state.user.id: state for state in sessions.told(StateChanged)[-1].states}
    assert told == {user: await sessions.state(user) for user in (ana, ben)}
    await assert_sound(sessions)


async def test_the_language_that_comes_first_is_drawn(sessions: Replica) -> None:
    await asyncio.gather(*(sessions.talking_pair() for _ in range(24)))
    assert len(await sessions.rows("SELECT starts FROM chat_sessions GROUP BY starts")) == 2


async def test_a_talk_ends_at_the_maximum_and_its_seconds_add_up(sessions: Replica) -> None:
    await sessions.calm(60)
    ana, ben, session_id = await joined_pair(sessions)
    await sessions.rows(STARTS, 0)
    for user in (ana, ben):
        await sessions.hear(act(ParticipantConnected, user, session_id))
    await after(sessions, 650)
    await after(sessions, 700)
    await after(sessions, 2251)
    await assert_ended(sessions, (ana, ben), SessionEndReason.MAXIMUM, (), ())
    last, other = await ended(sessions, ana), await ended(sessions, ben)
    record = await sessions.ask(GetSession(user_id=ana, session_id=session_id))
    assert last.completed_minimum
    assert last.duration_s == record.duration_s == last.practised_s + last.partner_practised_s
    assert (last.partner_practised_s, last.practised_s) == (700, last.duration_s - 700)
    assert (other.practised_s, other.partner_practised_s) == (700, last.practised_s)
    event = await sessions.only(SessionEnded)
    assert {(each.user_id, each.practised_s) for each in event.participants} == {
        (ana, last.practised_s),
        (ben, 700),
    }
    assert event.duration_s == last.duration_s


@asynccontextmanager
async def swept(sessions: Replica) -> AsyncIterator[None]:
    """Deadlines are met meanwhile, by the clock."""

    async def sweep() -> None:
        while True:
            await sessions.parts.sweep.meet_next_deadline()

    sweeping = asyncio.ensure_future(sweep())
    yield
    sweeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeping


async def test_a_partner_who_never_joins_is_told_in_time_and_not_met_again(
    sessions: Replica,
) -> None:
    await sessions.calm(60)
    async with sessions.like(session_join_timeout_s=Seconds(1.5)) as quick, swept(quick):
        ana, ben, session_id = await quick.talking_pair()
        await quick.hear(act(ParticipantJoined, ana, session_id))
        await eventually(lambda: quick.only(SessionEnded))
        await assert_ended(quick, (ana, ben), SessionEndReason.ABANDONED, {ben}, {ana})
        late = "SELECT extract(epoch FROM ended_at - join_by)::float FROM chat_sessions"
        assert 0 <= await quick.value(late) < 0.5
        assert quick.told(TicketOpened)[-1].ticket.avoid == (ben,)
        eve = await quick.register("Eve", ENGLISH)
        waiting = await quick.waiting(ana)
        await quick.hear(match(waiting, await quick.open(ben)))
        assert (await quick.state(ana)).session is None
        await quick.hear(match(waiting, await quick.open(eve), (2, 1)))
        assert (await live(quick, ana)).partner.id == eve


async def test_who_join_and_do_not_connect_in_time_are_both_requeued(sessions: Replica) -> None:
    await sessions.calm(60)
    ana, ben, session_id = await joined_pair(sessions)
    await sessions.hear(act(ParticipantConnected, ana, session_id))
    await after(sessions, 29)
    assert (await live(sessions, ana)).status is SessionStatus.CONNECTING
    await after(sessions, 1)
    await assert_ended(sessions, (ana, ben), SessionEndReason.FAILED, (), {ana, ben})


async def test_a_decline_requeues_the_partner(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.hear(act(ParticipantDeclined, ana, session_id))
    await assert_ended(sessions, (ana, ben), SessionEndReason.DECLINED, {ana}, {ben})


async def test_leaving_before_the_talk_requeues_the_partner(sessions: Replica) -> None:
    ana, ben, session_id = await joined_pair(sessions)
    await sessions.hear(act(ParticipantLeft, ben, session_id))
    await assert_ended(sessions, (ana, ben), SessionEndReason.LEFT, {ben}, {ana})


async def test_hanging_up_ends_the_talk_of_both(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.active_pair()
    await sessions.ago(400.5)
    await sessions.hear(act(ParticipantLeft, ben, session_id))
    await assert_ended(sessions, (ana, ben), SessionEndReason.LEFT, {ben}, ())
    last = await ended(sessions, ana)
    assert last.completed_minimum
    assert last.duration_s in (400, 401)
    assert last.practised_s + last.partner_practised_s == last.duration_s


@pytest.mark.parametrize("reason", list(FailReason))
async def test_a_failure_requeues_who_could_talk(sessions: Replica, reason: FailReason) -> None:
    ana, ben, session_id = await joined_pair(sessions)
    await sessions.hear(act(ParticipantFailed, ana, session_id, reason=reason))
    by = {ana} if reason is FailReason.MICROPHONE else set[UserId]()
    await assert_ended(sessions, (ana, ben), SessionEndReason.FAILED, by, {ana, ben} - by)


async def test_a_block_in_a_talk_ends_it_at_once_and_names_nobody(sessions: Replica) -> None:
    ana, ben, _ = await sessions.active_pair()
    await sessions.ago(60.5)
    told = await sessions.ask(BlockUser(user_id=ana, blocked_id=ben))
    assert told.session is None
    await assert_ended(sessions, (ana, ben), SessionEndReason.BLOCKED, (), ())
    last = await ended(sessions, ben)
    assert last.practised_s + last.partner_practised_s == last.duration_s >= 60


async def test_an_erased_partner_ends_the_talk(sessions: Replica) -> None:
    ana, ben, _ = await sessions.active_pair()
    await sessions.ask(EraseUser(user_id=ana))
    await assert_ended(sessions, (ana, ben), SessionEndReason.ERASED, {ana}, ())


@pytest.mark.parametrize("talking", [False, True])
async def test_a_partner_gone_for_too_long_ends_it_in_every_status(
    sessions: Replica, talking: bool
) -> None:
    pair = sessions.active_pair() if talking else joined_pair(sessions)
    ana, ben, session_id = await pair
    read_at = await sessions.value("SELECT now()")
    silent = Silent(user_id=ana, session_id=session_id)
    await sessions.hear(UserOffline(correlation_id="x", users=(silent,), read_at=read_at))
    requeued = set[UserId]() if talking else {ben}
    await assert_ended(sessions, (ana, ben), SessionEndReason.OFFLINE, {ana}, requeued)


async def test_a_reloaded_page_negotiates_anew_in_mid_talk(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.active_pair()
    before = await live(sessions, ben)
    newer = ConnectionId(new_id())
    await sessions.hear(act(ParticipantJoined, ana, session_id, newer))
    await sessions.hear(act(ParticipantConnected, ana, session_id, newer))
    after = await live(sessions, ben)
    assert (after.status, after.generation) == (SessionStatus.ACTIVE, before.generation + 1)
    assert (after.turn, after.ends_at) == (before.turn, before.ends_at)
    version = (await sessions.state(ben)).version
    for kind in ACTS:
        await sessions.hear(act(kind, ana, session_id))
    assert (await live(sessions, ben)) == after, "a replaced page says nothing"
    assert (await sessions.state(ben)).version == version


async def test_what_is_said_twice_is_told_once(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    steps = [act(kind, user, session_id) for kind in ACTS[:2] for user in (ana, ben)]
    steps.append(act(ParticipantLeft, ana, session_id))
    for number, step in enumerate(steps, 2):
        for _ in range(2):
            await sessions.hear(step)
            assert len(sessions.told(StateChanged)) == number
    await assert_sound(sessions)


@pytest.mark.parametrize("kind", ACTS)
async def test_what_is_not_theirs_or_over_changes_nothing(
    sessions: Replica, kind: type[Act]
) -> None:
    ana, ben, session_id = await sessions.active_pair()
    eve, max_, other_id = await sessions.active_pair()
    stranger = await sessions.register("Ida")
    told = len(sessions.told(StateChanged))
    for user, named in ((eve, session_id), (ana, other_id), (stranger, session_id)):
        await sessions.hear(act(kind, user, named))
    for user in (ana, stranger, UserId(new_id())):
        await sessions.hear(act(kind, user, SessionId(new_id())))
    assert len(sessions.told(StateChanged)) == told
    await sessions.hear(act(ParticipantLeft, ana, session_id))
    told = len(sessions.told(StateChanged))
    for user in (ana, ben):
        await sessions.hear(act(kind, user, session_id))
    assert len(sessions.told(StateChanged)) == told
    assert (await live(sessions, max_)).session_id == other_id


async def test_malformed_ids_are_rejected(sessions: Replica) -> None:
    ana, _, session_id = await sessions.talking_pair()
    for event in (
        act(ParticipantJoined, UserId("no"), session_id, ConnectionId(ana)),
        act(ParticipantJoined, ana, session_id, ConnectionId("no")),
    ):
        with pytest.raises(Rejected):
            await sessions.hear(event)
    assert (await live(sessions, ana)).joined is False


@pytest.mark.parametrize("asking", [0, 1, None])
async def test_one_who_shows_no_address_makes_the_call_relayed_for_both(
    sessions: Replica, asking: int | None
) -> None:
    pair = ana, ben, _ = await sessions.talking_pair()
    if asking is not None:
        await sessions.ask(ChangeProfile(user_id=UserId(pair[asking]), relay_only=True))
    for user in (ana, ben):
        assert (await live(sessions, user)).relay_only is (asking is not None)


async def test_a_talk_is_told_again_while_it_lasts(sessions: Replica) -> None:
    ana, ben, _ = await sessions.active_pair()
    await sessions.rows("UPDATE chat_sessions SET repeat_at = now()")
    told = len(sessions.told(StateChanged))
    await sessions.repeat()
    events = sessions.told(StateChanged)[told:]
    assert [event.states for event in events] == [
        (await sessions.state(ana), await sessions.state(ben))
    ]


async def test_deadlines_and_turns_wait_while_there_is_an_outage(sessions: Replica) -> None:
    talking, _, _ = await sessions.active_pair()
    connecting, _, _ = await joined_pair(sessions)
    waiting, _, _ = await sessions.talking_pair()
    before = [await sessions.state(user) for user in (talking, connecting, waiting)]
    await after(sessions, 700)
    held = [await sessions.state(user) for user in (talking, connecting, waiting)]
    assert [state.version for state in held] == [state.version for state in before]
    await sessions.calm(60)
    await after(sessions, 0)
    turn = (await live(sessions, talking)).turn
    assert turn is not None
    assert turn.number == 1
    assert (await ended(sessions, connecting)).reason is SessionEndReason.FAILED
    assert (await ended(sessions, waiting)).reason is SessionEndReason.ABANDONED


async def test_more_sessions_than_a_batch_meet_their_deadlines_in_one_go(
    replicas: tuple[Replica, Replica],
) -> None:
    one, _ = replicas
    await one.calm(60)
    await asyncio.gather(*(one.talking_pair() for _ in range(20)))
    await one.ago(30)
    async with one.like(sweep_batch=3) as left, one.like(sweep_batch=4) as right:
        await asyncio.gather(*(each.parts.sweep.meet_deadlines() for each in (left, right)))
        assert len(left.told(SessionEnded) + right.told(SessionEnded)) == 20
        await assert_sound(one, left, right)


async def test_postgres_itself_requeues_nobody_who_ended_a_session(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.hear(act(ParticipantDeclined, ana, session_id))
    forged = "UPDATE participants SET ended_it = true WHERE user_id = $1"
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await sessions.rows(forged, ben)
