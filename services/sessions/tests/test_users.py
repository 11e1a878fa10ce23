import asyncio

import pytest

from services.sessions.tests.replica import ENGLISH, Replica, refusal
from shared.domain import Level, Practice, RequestEndReason, SessionEndReason
from shared.errors import Rejected
from shared.events import SessionEnded, StateChanged, TicketClosed, TicketOpened, UserErased
from shared.identifiers import TokenId, UserId, new_id
from shared.requests import (
    CancelRequest,
    ChangeProfile,
    EraseUser,
    GetProfile,
    GetState,
    GetVersions,
    OpenRequest,
    RegisterUser,
    RotateToken,
)


async def test_registering_twice_with_one_id_answers_the_same(sessions: Replica) -> None:
    asked = RegisterUser(
        user_id=UserId(new_id()),
        display_name="Ana",
        native_languages=("es",),
        practice_languages=(Practice(language="en", level=Level.B1),),
        interests=("film", "chess"),
        relay_only=True,
        token_id=TokenId(new_id()),
        token_expires_in_s=60,
    )
    first = await sessions.ask(asked)
    assert await sessions.ask(asked) == first
    assert first == await sessions.ask(GetProfile(user_id=asked.user_id))
    assert (first.display_name, first.interests, first.relay_only) == (
        "Ana", ("film", "chess"), True,
    )  # fmt: skip


async def test_nobody_knows_a_user_who_never_registered(sessions: Replica) -> None:
    nobody = UserId(new_id())
    for asked in (
        GetProfile(user_id=nobody),
        GetState(user_id=nobody),
        ChangeProfile(user_id=nobody, display_name="X"),
        EraseUser(user_id=nobody),
        OpenRequest(user_id=nobody, timeout_s=60),
        CancelRequest(user_id=nobody),
    ):
        assert (await refusal(sessions.ask(asked))).code == "unknown-user", asked
    assert await sessions.ask(GetVersions(user_ids=(nobody,))) == {}


async def test_only_what_is_set_changes_and_the_change_is_told(sessions: Replica) -> None:
    ana = await sessions.register()
    state = await sessions.ask(ChangeProfile(user_id=ana, display_name="Anita"))
    assert (state.user.display_name, state.user.native_languages) == ("Anita", ("es",))
    assert state.version == 2
    assert (await sessions.only(StateChanged)).states == (state,)
    assert await sessions.ask(GetVersions(user_ids=(ana,))) == {ana: 2}


async def test_a_practice_language_may_not_be_a_native_one(sessions: Replica) -> None:
    ana = await sessions.register()
    asked = ChangeProfile(user_id=ana, native_languages=("es", "en-GB"))
    assert (await refusal(sessions.ask(asked))).code == "languages-overlap"
    assert (await sessions.state(ana)).version == 1


async def test_a_partner_sees_the_changed_profile_one_version_later(sessions: Replica) -> None:
    ana, ben, _ = await sessions.talking_pair()
    before = await sessions.state(ben)
    await sessions.ask(ChangeProfile(user_id=ana, display_name="Anita"))
    after = await sessions.state(ben)
    assert after.version == before.version + 1
    assert after.session is not None
    assert after.session.partner.display_name == "Anita"


async def test_an_erased_user_is_blank_and_what_was_open_ends(sessions: Replica) -> None:
    ana = await sessions.register()
    opened = await sessions.open(ana)
    state = await sessions.ask(EraseUser(user_id=ana))
    assert state.erased
    assert (state.user.display_name, state.user.native_languages, state.request) == ("", (), None)
    assert state.last_request is not None
    assert state.last_request.reason is RequestEndReason.ERASED
    assert (await sessions.only(TicketClosed)).request_id == opened.request.request_id
    assert (await sessions.only(UserErased)).user_id == ana
    assert (await sessions.only(StateChanged)).states == (state,)
    assert await sessions.state(ana) == await sessions.ask(EraseUser(user_id=ana)) == state
    assert (await refusal(sessions.open(ana))).code == "unknown-user"
    assert (await refusal(sessions.ask(GetProfile(user_id=ana)))).code == "unknown-user"
    kept = "SELECT count(*) FROM refresh_tokens WHERE user_id = $1"
    assert await sessions.value(kept, ana) == 0


async def test_the_partner_of_an_erased_user_waits_on(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    before = (await sessions.state(ben)).last_request
    await sessions.ask(EraseUser(user_id=ana))
    state = await sessions.state(ben)
    assert state.session is None
    assert state.last_session is not None
    assert state.last_session.reason is SessionEndReason.ERASED
    assert state.request is not None
    assert state.last_session.requeued_as == state.request.request_id
    assert state.request.requeued_from == session_id
    assert before is not None
    ticket = sessions.told(TicketOpened)[-1].ticket
    assert (ticket.user_id, ticket.avoid, ticket.attempt) == (ben, (ana,), 1)
    assert ticket.since == state.request.since < before.ended_at
    left_s = (ticket.expires_at - ticket.since).total_seconds()
    assert 299 < left_s < 310
    ended = await sessions.only(SessionEnded)
    assert (ended.session_id, ended.duration_s) == (session_id, 0)
    assert (await sessions.state(ana)).request is None


async def test_a_requeue_has_a_minute_at_least(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    one, other = await sessions.open(ana, 300), await sessions.open(ben, 5)
    await sessions.match(one, other)
    await sessions.ask(EraseUser(user_id=ana))
    request = (await sessions.state(ben)).request
    assert request is not None
    assert 59 < (request.expires_at - request.since).total_seconds() < 70


async def test_a_line_of_requests_avoids_every_partner_it_had(sessions: Replica) -> None:
    ben = await sessions.register("Ben", ENGLISH)
    waiting = await sessions.open(ben)
    since, partners = waiting.request.since, []
    for _ in range(3):
        ana = await sessions.register()
        await sessions.match(await sessions.open(ana), waiting)
        partners.append(ana)
        await sessions.ask(EraseUser(user_id=ana))
        waiting = await sessions.waiting(ben)
        assert waiting.request.since == since
    assert sessions.told(TicketOpened)[-1].ticket.avoid == tuple(reversed(partners))
    assert await sessions.value("SELECT count(DISTINCT line) FROM match_requests "
                                "WHERE user_id = $1", ben) == 1  # fmt: skip


async def test_text_that_postgres_cannot_hold_is_rejected(sessions: Replica) -> None:
    ana = await sessions.register()
    with pytest.raises(Rejected):
        await sessions.ask(ChangeProfile(user_id=ana, display_name="A\x00na"))


async def rotate(sessions: Replica, user: UserId, token: TokenId) -> TokenId:
    successor = TokenId(new_id())
    await sessions.ask(
        RotateToken(user_id=user, token_id=token, successor_id=successor, successor_expires_in_s=60)
    )
    return successor


async def first_token(sessions: Replica, user: UserId) -> TokenId:
    token: TokenId = await sessions.value("SELECT id FROM refresh_tokens WHERE user_id = $1", user)
    return token


async def test_each_refresh_token_is_followed_by_the_next(sessions: Replica) -> None:
    ana = await sessions.register()
    token = await first_token(sessions, ana)
    for _ in range(3):
        token = await rotate(sessions, ana, token)


async def test_a_token_used_again_before_its_successor_gets_another_in_its_place(
    sessions: Replica,
) -> None:
    ana = await sessions.register()
    first = await first_token(sessions, ana)
    lost = await rotate(sessions, ana, first)
    second = await rotate(sessions, ana, first)
    assert (await refusal(rotate(sessions, ana, lost))).code == "token-revoked"
    await rotate(sessions, ana, second)


async def test_the_same_exchange_delivered_twice_is_one(sessions: Replica) -> None:
    ana = await sessions.register()
    exchange = RotateToken(
        user_id=ana,
        token_id=await first_token(sessions, ana),
        successor_id=TokenId(new_id()),
        successor_expires_in_s=60,
    )
    await sessions.ask(exchange)
    last = await rotate(sessions, ana, exchange.successor_id)
    await sessions.ask(exchange)
    await rotate(sessions, ana, last)


async def test_a_token_whose_successor_was_used_ends_the_family(sessions: Replica) -> None:
    ana = await sessions.register()
    first = await first_token(sessions, ana)
    second = await rotate(sessions, ana, first)
    third = await rotate(sessions, ana, second)
    for token in (first, second, third):
        assert (await refusal(rotate(sessions, ana, token))).code == "token-revoked"


async def test_a_token_is_of_one_user_and_of_its_time(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    token = await first_token(sessions, ana)
    assert (await refusal(rotate(sessions, ben, token))).code == "token-revoked"
    await sessions.rows("UPDATE refresh_tokens SET created_at = now() - interval '2 h', "
                        "expires_at = now() - interval '1 h'")  # fmt: skip
    assert (await refusal(rotate(sessions, ana, token))).code == "token-revoked"


async def test_one_token_exchanged_by_many_at_once_has_one_successor(sessions: Replica) -> None:
    ana = await sessions.register()
    token = await first_token(sessions, ana)
    successors = await asyncio.gather(*(rotate(sessions, ana, token) for _ in range(10)))
    stored = await sessions.rows("SELECT id FROM refresh_tokens WHERE predecessor_id = $1", token)
    assert len(stored) == 1
    assert stored[0]["id"] in successors
