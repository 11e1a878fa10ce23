from services.sessions.tests.replica import Replica, refusal
from shared.domain import RequestEndReason, RequestStatus, SessionStatus
from shared.events import (
    RequestEnded,
    SessionCreated,
    StateChanged,
    TicketClosed,
    TicketOpened,
    UserRegistered,
)
from shared.requests import CancelRequest, GetRequest


async def test_a_registered_user_has_the_first_version_and_nothing_open(sessions: Replica) -> None:
    ana = await sessions.register()
    state = await sessions.state(ana)
    assert state.version == 1
    assert (state.request, state.session, state.last_request, state.last_session) == (None,) * 4
    assert (await sessions.only(UserRegistered)).user_id == ana


async def test_opening_answers_with_the_record_and_the_state_and_opens_a_ticket(
    sessions: Replica,
) -> None:
    ana = await sessions.register()
    opened = await sessions.open(ana, timeout_s=300)
    assert opened.request.status is RequestStatus.PENDING
    assert (opened.request.expires_at - opened.request.since).total_seconds() == 300
    assert opened.state.version == 2
    assert opened.state == await sessions.state(ana)
    assert opened.state.request is not None
    assert opened.state.request.request_id == opened.request.request_id
    ticket = (await sessions.only(TicketOpened)).ticket
    assert (ticket.request_id, ticket.attempt) == (opened.request.request_id, 1)
    assert ticket.user_id == ana
    assert ticket.native_languages == ("es",)
    assert ticket.expires_at == opened.request.expires_at
    assert sessions.told(StateChanged) == []
    record = await sessions.ask(GetRequest(user_id=ana, request_id=opened.request.request_id))
    assert record == opened.request


async def test_a_second_request_is_refused_and_the_first_named(sessions: Replica) -> None:
    ana = await sessions.register()
    opened = await sessions.open(ana)
    refused = await refusal(sessions.open(ana))
    assert refused.code == "request-pending"
    assert refused.about == {"request_id": opened.request.request_id}


async def test_a_match_becomes_a_session_of_both(sessions: Replica) -> None:
    ana, ben, found = await sessions.waiting_pair()
    await sessions.hear(found)
    one, other = await sessions.state(ana), await sessions.state(ben)
    assert one.session is not None
    assert other.session is not None
    assert one.session.session_id == other.session.session_id == found.match_id
    assert one.session.status is SessionStatus.WAITING
    assert (one.session.partner.id, other.session.partner.id) == (ben, ana)
    assert one.session.partner.shared_interests == ("film",)
    assert (one.session.you_practise, one.session.partner_practises) == ("en", "es")
    assert one.session.polite is not other.session.polite
    assert one.request is other.request is None
    assert one.last_request is not None
    assert one.last_request.session_id == found.match_id
    assert (one.version, other.version) == (3, 3)
    [changed] = sessions.told(StateChanged)
    assert changed.states == (one, other)
    [created] = sessions.told(SessionCreated)
    assert [side.user_id for side in created.participants] == [ana, ben]
    ended = sessions.told(RequestEnded)
    assert [event.reason for event in ended] == [RequestEndReason.MATCHED] * 2
    assert {event.session_id for event in ended} == {found.match_id}
    assert sessions.told(TicketClosed) == []


async def test_cancelling_ends_the_request_and_takes_the_ticket_out(sessions: Replica) -> None:
    ana = await sessions.register()
    opened = await sessions.open(ana)
    state = await sessions.ask(CancelRequest(user_id=ana))
    assert state.request is None
    assert state.last_request is not None
    assert state.last_request.status is RequestStatus.CANCELLED
    assert state.last_request.reason is RequestEndReason.USER
    assert (await sessions.only(TicketClosed)).request_id == opened.request.request_id
    assert (await sessions.only(StateChanged)).states == (state,)
