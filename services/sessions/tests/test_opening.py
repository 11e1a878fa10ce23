import asyncio

import pytest

from services.sessions.tests.replica import ENGLISH, Replica, refusal
from shared.domain import Idempotency, Level, Practice, RequestStatus
from shared.errors import Refused
from shared.events import RequestEnded, StateChanged, TicketClosed, TicketOpened
from shared.identifiers import RequestId, UserId, new_id
from shared.requests import BlockUser, CancelRequest, ChangeProfile, GetRequest, OpenRequest

DUTCH = (Practice(language="nl", level=Level.A2),)


def keyed(user: UserId, key: str = "k", body: str = "b") -> OpenRequest:
    idempotency = Idempotency(key=key, operation="POST /match/request", body_sha256=body)
    return OpenRequest(user_id=user, timeout_s=60, idempotency=idempotency)


async def backdate(sessions: Replica, seconds: float) -> None:
    """As if every pending request had been opened that much earlier."""
    await sessions.rows(
        """UPDATE match_requests SET since = since - $1 * interval '1 s',
                  expires_at = expires_at - $1 * interval '1 s' WHERE status = 'pending'""",
        seconds,
    )


async def test_languages_that_are_given_take_the_place_of_the_profiles(sessions: Replica) -> None:
    ana = await sessions.register()
    asked = OpenRequest(user_id=ana, timeout_s=60, practice_languages=DUTCH)
    opened = await sessions.ask(asked)
    assert opened.request.practice_languages == DUTCH
    assert opened.request.native_languages == ("es",)
    assert (await sessions.only(TicketOpened)).ticket.practice_languages == DUTCH


async def test_given_and_profile_languages_may_not_overlap(sessions: Replica) -> None:
    ana = await sessions.register()
    asked = OpenRequest(user_id=ana, timeout_s=60, native_languages=("en",))
    assert (await refusal(sessions.ask(asked))).code == "languages-overlap"
    assert (await sessions.state(ana)).version == 1


async def test_who_wants_a_relay_only_waits_where_there_is_one(sessions: Replica) -> None:
    ana = await sessions.register()
    state = await sessions.ask(ChangeProfile(user_id=ana, relay_only=True))
    without = OpenRequest(user_id=ana, timeout_s=60, can_relay=False)
    assert (await refusal(sessions.ask(without))).code == "relay-unavailable"
    assert await sessions.state(ana) == state
    assert (await sessions.open(ana)).request.status is RequestStatus.PENDING


async def test_who_is_in_a_live_session_opens_nothing(sessions: Replica) -> None:
    ana, _, session_id = await sessions.talking_pair()
    refused = await refusal(sessions.open(ana))
    assert (refused.code, refused.about) == ("session-live", {"session_id": session_id})


async def test_a_key_seen_before_names_what_it_opened_as_that_stands(sessions: Replica) -> None:
    ana = await sessions.register()
    first = await sessions.ask(keyed(ana))
    again = await sessions.ask(keyed(ana))
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.request, again.state) == (first.request, first.state)
    await sessions.ask(CancelRequest(user_id=ana))
    later = await sessions.ask(keyed(ana))
    assert later.request.request_id == first.request.request_id
    assert later.request.status is RequestStatus.CANCELLED
    assert later.state.request is None


async def test_a_key_belongs_to_one_body_and_one_user(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    await sessions.ask(keyed(ana))
    refused = await refusal(sessions.ask(keyed(ana, body="other")))
    assert refused.code == "idempotency-mismatch"
    assert not (await sessions.ask(keyed(ben))).replayed


async def test_a_refusal_is_not_kept_under_the_key(sessions: Replica) -> None:
    ana = await sessions.register()
    await sessions.open(ana)
    assert (await refusal(sessions.ask(keyed(ana)))).code == "request-pending"
    await sessions.ask(CancelRequest(user_id=ana))
    assert not (await sessions.ask(keyed(ana))).replayed


async def test_an_expired_key_opens_anew(sessions: Replica) -> None:
    ana = await sessions.register()
    first = await sessions.ask(keyed(ana))
    await sessions.ask(CancelRequest(user_id=ana))
    await sessions.rows("UPDATE idempotency_keys SET expires_at = now() - interval '1 s'")
    again = await sessions.ask(keyed(ana, body="other"))
    assert not again.replayed
    assert again.request.request_id != first.request.request_id
    assert (await sessions.ask(keyed(ana, body="other"))).replayed


async def test_one_key_sent_by_many_at_once_opens_one_request(
    replicas: tuple[Replica, Replica],
) -> None:
    ana = await replicas[0].register()
    answers = await asyncio.gather(*(replicas[i % 2].ask(keyed(ana)) for i in range(20)))
    assert len({answer.request.request_id for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1


async def test_many_opens_of_one_user_at_once_open_one_request(
    replicas: tuple[Replica, Replica],
) -> None:
    ana = await replicas[0].register()
    opening = (replicas[i % 2].open(ana) for i in range(20))
    outcomes = await asyncio.gather(*opening, return_exceptions=True)
    [opened] = [each for each in outcomes if not isinstance(each, BaseException)]
    refusals = [each for each in outcomes if isinstance(each, Refused)]
    assert len(refusals) == 19
    for refused in refusals:
        assert refused.code == "request-pending"
        assert refused.about == {"request_id": opened.request.request_id}


async def test_opens_that_arrive_together_share_a_transaction(sessions: Replica) -> None:
    users = [await sessions.register() for _ in range(40)]
    opened = await asyncio.gather(*map(sessions.open, users))
    assert [each.state.user.id for each in opened] == users
    transactions = await sessions.value("SELECT count(DISTINCT xmin::text) FROM match_requests")
    assert transactions <= 4


async def test_a_refusal_does_not_hurt_the_others_in_the_batch(sessions: Replica) -> None:
    users = [await sessions.register() for _ in range(10)]
    await sessions.open(users[3])
    asked = [OpenRequest(user_id=user, timeout_s=60) for user in (*users, UserId(new_id()))]
    asked[5] = OpenRequest(user_id=users[5], timeout_s=60, native_languages=("en",))
    outcomes = await asyncio.gather(*map(sessions.ask, asked), return_exceptions=True)
    codes = [each.code if isinstance(each, Refused) else None for each in outcomes]
    expected: list[str | None] = [None] * 11
    expected[3], expected[5], expected[10] = "request-pending", "languages-overlap", "unknown-user"
    assert codes == expected


async def test_what_postgres_cannot_store_does_not_hurt_the_others_in_the_batch(
    sessions: Replica,
) -> None:
    users = [await sessions.register() for _ in range(5)]
    asked = [keyed(user, key="\x00" if user == users[2] else "k") for user in users]
    outcomes = await asyncio.gather(*map(sessions.ask, asked), return_exceptions=True)
    assert [isinstance(each, BaseException) for each in outcomes] == [False] * 2 + [True] + [
        False
    ] * 2


async def test_a_user_whom_a_transaction_holds_does_not_keep_the_others_waiting(
    sessions: Replica,
) -> None:
    ana, ben = await sessions.pair()
    async with sessions.database.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", ana)
        held = asyncio.ensure_future(sessions.open(ana))
        await sessions.open(ben)
        assert not held.done()
    assert (await held).request.status is RequestStatus.PENDING


async def test_a_request_over_its_time_ends_before_the_next_is_opened(sessions: Replica) -> None:
    ana = await sessions.register()
    first = await sessions.open(ana, 5)
    await backdate(sessions, 10)
    second = await sessions.open(ana)
    assert second.request.request_id != first.request.request_id
    assert second.state.last_request is not None
    assert second.state.last_request.status is RequestStatus.EXPIRED
    assert (await sessions.only(TicketClosed)).request_id == first.request.request_id
    assert (await sessions.only(RequestEnded)).request_id == first.request.request_id
    told = (await sessions.only(StateChanged)).states[0]
    assert told.version < second.state.version


async def test_a_ticket_avoids_blocks_in_either_direction(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    eve = await sessions.register("Eve", ENGLISH)
    await sessions.ask(BlockUser(user_id=ana, blocked_id=ben))
    await sessions.ask(BlockUser(user_id=eve, blocked_id=ana))
    await sessions.open(ana)
    assert set((await sessions.only(TicketOpened)).ticket.avoid) == {ben, eve}


async def test_a_ticket_has_bounds_and_names_its_owners_own_newest_blocks_first(
    sessions: Replica,
) -> None:
    async with sessions.like(ticket_avoid_max=3) as bounded:
        ana, ben = await bounded.pair()
        crowd = [await bounded.register("Eve", ENGLISH) for _ in range(4)]
        for eve in crowd:
            await bounded.ask(BlockUser(user_id=eve, blocked_id=ana))
        for blocked in (crowd[0], ben):
            await bounded.ask(BlockUser(user_id=ana, blocked_id=blocked))
        one = await bounded.open(ana)
        opened = await bounded.only(TicketOpened)
        assert opened.ticket.avoid == (ben, crowd[0], crowd[3])
        other = await bounded.open(crowd[1])
        await bounded.match(one, other)
        assert (await bounded.state(ana)).session is None, "a ticket need not name every block"


async def test_whoever_gave_up_asking_hurts_nobody(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    impatient = asyncio.ensure_future(sessions.open(ana))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await sessions.open(ben)).request.status is RequestStatus.PENDING
    with pytest.raises(asyncio.CancelledError):
        await impatient


@pytest.mark.parametrize("typed", ["", "x", "../../etc", new_id().upper(), new_id()])
async def test_a_request_that_is_not_the_users_own_is_unknown(
    sessions: Replica, typed: str
) -> None:
    ana, ben = await sessions.pair()
    asked = GetRequest(user_id=ana, request_id=RequestId(typed))
    assert (await refusal(sessions.ask(asked))).code == "unknown-request"
    opened = await sessions.open(ben)
    asked = GetRequest(user_id=ana, request_id=opened.request.request_id)
    assert (await refusal(sessions.ask(asked))).code == "unknown-request"


async def test_cancelling_nothing_is_refused(sessions: Replica) -> None:
    ana = await sessions.register()
    assert (await refusal(sessions.ask(CancelRequest(user_id=ana)))).code == "no-request"
    await sessions.open(ana)
    await sessions.ask(CancelRequest(user_id=ana))
    assert (await refusal(sessions.ask(CancelRequest(user_id=ana)))).code == "no-request"


async def test_cancelling_too_late_names_the_session_it_became(sessions: Replica) -> None:
    ana, _, session_id = await sessions.talking_pair()
    refused = await refusal(sessions.ask(CancelRequest(user_id=ana)))
    request = (await sessions.state(ana)).last_request
    assert request is not None
    assert refused.code == "already-matched"
    assert refused.about == {"session_id": session_id, "request_id": request.request_id}
