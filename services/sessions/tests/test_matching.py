import asyncio

import pytest

from services.sessions.tests.replica import ENGLISH, Replica, match
from shared.domain import MatchSide
from shared.errors import Rejected
from shared.events import MatchFound, RequestEnded, SessionCreated, StateChanged, TicketOpened
from shared.identifiers import RequestId, SessionId, UserId, new_id
from shared.requests import BlockUser, CancelRequest, EraseUser

SESSIONS = "SELECT count(*) FROM chat_sessions"


async def attempts(sessions: Replica, *users: UserId) -> list[int]:
    """The attempts of the users' pending requests."""
    query = "SELECT attempt FROM match_requests WHERE user_id = $1 AND status = 'pending'"
    return [await sessions.value(query, user) for user in users]


async def test_fifty_copies_of_a_match_make_one_session(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    ana, ben, found = await one.waiting_pair()
    await asyncio.gather(*(replicas[i % 2].hear(found) for i in range(50)))
    assert await one.value(SESSIONS) == 1
    assert len(one.told(SessionCreated) + other.told(SessionCreated)) == 1
    assert len(one.told(StateChanged) + other.told(StateChanged)) == 1
    assert (await one.state(ana)).version == (await one.state(ben)).version == 3


async def test_what_people_wait_for_is_published_before_the_history(sessions: Replica) -> None:
    _, _, found = await sessions.waiting_pair()
    await sessions.hear(found)
    await sessions.parts.outbox.finish()
    kinds = [type(event) for event in sessions.publisher.published]
    told = [kind for kind in kinds if kind in (StateChanged, RequestEnded, SessionCreated)]
    assert told == [StateChanged, RequestEnded, RequestEnded, SessionCreated]


async def test_the_partner_of_a_cancelled_request_gets_the_next_attempt(sessions: Replica) -> None:
    ana, ben, found = await sessions.waiting_pair()
    await sessions.ask(CancelRequest(user_id=ana))
    version = (await sessions.state(ben)).version
    await sessions.hear(found)
    assert await sessions.value(SESSIONS) == 0
    ticket = sessions.told(TicketOpened)[-1].ticket
    assert (ticket.user_id, ticket.attempt) == (ben, 2)
    assert (await sessions.state(ben)).version == version
    await sessions.hear(found)
    assert await attempts(sessions, ben) == [2]


async def test_a_match_of_an_earlier_attempt_is_void_for_that_side(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    one, other = await sessions.open(ana), await sessions.open(ben)
    await sessions.rows("UPDATE match_requests SET attempt = 3 WHERE user_id = $1", ana)
    await sessions.hear(match(one, other))
    assert await sessions.value(SESSIONS) == 0
    assert await attempts(sessions, ana, ben) == [3, 2]
    await sessions.hear(match(one, other, (3, 2)))
    assert await sessions.value(SESSIONS) == 1


async def test_two_of_whom_one_blocked_the_other_are_not_paired(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    one, other = await sessions.open(ana), await sessions.open(ben)
    await sessions.ask(BlockUser(user_id=ben, blocked_id=ana))
    assert await attempts(sessions, ana, ben) == [2, 2]
    await sessions.hear(match(one, other, (2, 2)))
    assert await sessions.value(SESSIONS) == 0
    assert await attempts(sessions, ana, ben) == [3, 3]
    told = sessions.told(TicketOpened)[-2:]
    assert {(event.ticket.user_id, event.ticket.avoid) for event in told} == {
        (ana, (ben,)),
        (ben, (ana,)),
    }


async def test_earlier_partners_of_a_line_are_not_paired_again(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.rows("UPDATE chat_sessions SET status = 'ended', reason = 'failed', "
                        "ended_at = now(), repeat_at = NULL")  # fmt: skip
    one, other = await sessions.open(ana), await sessions.open(ben)
    await sessions.rows("UPDATE match_requests SET avoid = ARRAY[$1::uuid] WHERE user_id = $2 "
                        "AND status = 'pending'", ben, ana)  # fmt: skip
    assert await sessions.match(one, other) != session_id
    assert await sessions.value(SESSIONS) == 1


async def test_a_live_user_is_in_no_second_session(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    eve = await sessions.register("Eve", ENGLISH)
    one, other, third = [await sessions.open(user) for user in (ana, ben, eve)]
    await sessions.match(one, other)
    await sessions.match(one, third)
    assert await sessions.value(SESSIONS) == 1
    assert await attempts(sessions, eve) == [2]


async def test_an_erased_users_match_is_void(sessions: Replica) -> None:
    ana, ben, found = await sessions.waiting_pair()
    await sessions.ask(EraseUser(user_id=ana))
    await sessions.hear(found)
    assert await sessions.value(SESSIONS) == 0
    assert await attempts(sessions, ben) == [2]


async def test_a_match_of_strangers_changes_nothing(sessions: Replica) -> None:
    first, second = (
        MatchSide(
            request_id=RequestId(new_id()), attempt=1, user_id=UserId(new_id()), practises="en"
        )
        for _ in range(2)
    )
    event = MatchFound(
        correlation_id="x", match_id=SessionId(new_id()), sides=(first, second), score=1
    )
    await sessions.hear(event)
    assert sessions.publisher.published == []


async def test_a_request_under_another_users_name_is_not_good(sessions: Replica) -> None:
    ana, ben, found = await sessions.waiting_pair()
    eve = await sessions.register("Eve")
    first, second = found.sides
    forged = MatchSide(
        request_id=first.request_id, attempt=1, user_id=eve, practises=first.practises
    )
    await sessions.hear(
        MatchFound(correlation_id="x", match_id=found.match_id, sides=(forged, second), score=1)
    )
    assert await sessions.value(SESSIONS) == 0
    assert await attempts(sessions, ana, ben) == [1, 2]


async def test_nobody_is_paired_with_themselves(sessions: Replica) -> None:
    ana = await sessions.register()
    opened = await sessions.open(ana)
    with pytest.raises(Rejected):
        await sessions.hear(match(opened, opened))


async def test_a_match_with_a_malformed_id_is_rejected(sessions: Replica) -> None:
    _, _, found = await sessions.waiting_pair()
    with pytest.raises(Rejected):
        await sessions.hear(
            MatchFound(correlation_id="x", match_id=SessionId("no"), sides=found.sides, score=1)
        )
