"""A session from the ring to the end, in real Postgres."""

from services.sessions.tests.replica import Replica, act
from services.sessions.tests.soundness import assert_sound
from shared.domain import (
    EndedSession,
    LiveSession,
    SessionStatus,
)
from shared.events import (
    ParticipantConnected,
    ParticipantJoined,
)
from shared.identifiers import UserId


async def live(sessions: Replica, user: UserId) -> LiveSession:
    session = (await sessions.state(user)).session
    assert session is not None
    return session


async def ended(sessions: Replica, user: UserId) -> EndedSession:
    state = await sessions.state(user)
    assert state.session is None
    assert state.last_session is not None
    return state.last_session


async def test_both_join_connect_and_take_turns(sessions: Replica) -> None:
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
    assert session.ends_at is not None
    assert session.active_at is not None
    assert (session.ends_at - session.active_at).total_seconds() == 3600
    assert session.turn is not None
    assert (await live(sessions, ben)).turn == session.turn
    await assert_sound(sessions)
