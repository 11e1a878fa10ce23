from datetime import timedelta

from services.sessions.tests.replica import ENGLISH, Replica
from services.sessions.tests.soundness import assert_sound
from shared.domain import RequestEndReason, RequestStatus, SessionEndReason
from shared.events import Silent, TicketClosed, TicketOpened, UserOffline
from shared.identifiers import RequestId, SessionId, new_id


async def silence(sessions: Replica, *users: Silent, age_s: float = 0) -> None:
    read_at = await sessions.value("SELECT now()") - timedelta(seconds=age_s)
    await sessions.hear(UserOffline(correlation_id="x", users=users, read_at=read_at))


async def test_the_request_of_a_silent_user_is_cancelled(sessions: Replica) -> None:
    ana = await sessions.register()
    opened = await sessions.open(ana)
    await silence(sessions, Silent(user_id=ana, request_id=opened.request.request_id))
    last = (await sessions.state(ana)).last_request
    assert last is not None
    assert (last.status, last.reason) == (RequestStatus.CANCELLED, RequestEndReason.OFFLINE)
    assert (await sessions.only(TicketClosed)).request_id == opened.request.request_id
    await assert_sound(sessions)


async def test_only_what_is_named_ends(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    eve = await sessions.register("Eve")
    await sessions.open(eve)
    await silence(
        sessions,
        Silent(user_id=eve, request_id=RequestId(new_id())),
        Silent(user_id=ana, session_id=SessionId(new_id())),
        Silent(user_id=ben),
    )
    assert (await sessions.state(eve)).request is not None
    session = (await sessions.state(ana)).session
    assert session is not None
    assert session.session_id == session_id


async def test_a_request_that_became_a_session_meanwhile_stays(sessions: Replica) -> None:
    ana, _, found = await sessions.waiting_pair()
    await sessions.hear(found)
    await silence(sessions, Silent(user_id=ana, request_id=found.sides[0].request_id))
    assert (await sessions.state(ana)).session is not None


async def test_old_news_is_dropped(sessions: Replica) -> None:
    ana = await sessions.register()
    opened = await sessions.open(ana)
    named = Silent(user_id=ana, request_id=opened.request.request_id)
    await silence(sessions, named, age_s=16)
    assert (await sessions.state(ana)).request is not None
    await silence(sessions, named, age_s=14)
    assert (await sessions.state(ana)).request is None


async def test_the_partner_of_a_silent_user_waits_on(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await silence(sessions, Silent(user_id=ana, session_id=session_id))
    gone, left = await sessions.state(ana), await sessions.state(ben)
    assert gone.last_session is not None
    assert gone.last_session.reason is SessionEndReason.OFFLINE
    assert (gone.request, gone.session, left.session) == (None, None, None)
    assert left.request is not None
    assert left.request.requeued_from == session_id
    assert sessions.told(TicketOpened)[-1].ticket.avoid == (ana,)
    await assert_sound(sessions)


async def test_of_two_silent_partners_neither_waits_on(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    both = [Silent(user_id=user, session_id=session_id) for user in (ana, ben)]
    await silence(sessions, *both)
    for user in (ana, ben):
        state = await sessions.state(user)
        assert (state.session, state.request) == (None, None)
    await assert_sound(sessions)


async def test_a_partner_who_is_away_as_well_does_not_wait_on(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    offered = len(sessions.told(TicketOpened))
    await silence(sessions, Silent(user_id=ana, session_id=session_id, partner_away=True))
    for user in (ana, ben):
        state = await sessions.state(user)
        assert (state.session, state.request) == (None, None)
        assert state.last_session is not None
        assert state.last_session.reason is SessionEndReason.OFFLINE
        assert state.last_session.requeued_as is None
    assert len(sessions.told(TicketOpened)) == offered
    await assert_sound(sessions)


async def test_an_away_partner_of_one_session_is_none_of_another(sessions: Replica) -> None:
    ana, ben, first = await sessions.talking_pair()
    eve, max_, second = await sessions.talking_pair()
    await silence(
        sessions,
        Silent(user_id=ana, session_id=first, partner_away=True),
        Silent(user_id=eve, session_id=second),
    )
    assert (await sessions.state(ben)).request is None
    assert (await sessions.state(max_)).request is not None
    await assert_sound(sessions)


async def test_many_fall_silent_at_once(sessions: Replica) -> None:
    users = [await sessions.register(speaks=ENGLISH) for _ in range(60)]
    opened = [await sessions.open(user) for user in users]
    named = [
        Silent(user_id=each.state.user.id, request_id=each.request.request_id) for each in opened
    ]
    unknown = [Silent(user_id=each.user_id, session_id=SessionId(new_id())) for each in named]
    await silence(sessions, *named, *unknown)
    assert await sessions.value("SELECT count(*) FROM match_requests WHERE status = 'pending'") == 0
    await assert_sound(sessions)
