"""Whatever two do to a session at the same moment, twice, before two processes on one Postgres."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from msgspec import Struct

from services.sessions.session import Act
from services.sessions.tests.replica import Replica, act
from services.sessions.tests.soundness import assert_sound
from shared.domain import EndedSession, FailReason, SessionEndReason
from shared.errors import Unavailable
from shared.events import (
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
    SessionEnded,
    Silent,
    UserOffline,
)
from shared.identifiers import ConnectionId, SessionId, UserId, new_id
from shared.requests import BlockUser

INTERLEAVINGS = 200
AT_ONCE = 4
LATE = """
UPDATE chat_sessions SET created_at = created_at - interval '1 h',
    join_by = now() - interval '1 s', connect_by = connect_by - interval '1 h'
WHERE id = $1 AND live AND active_at IS NULL
"""
AMISS = """
SELECT c.id FROM chat_sessions AS c JOIN participants AS p ON p.session_id = c.id
LEFT JOIN match_requests AS n ON n.requeued_from = c.id AND n.user_id = p.user_id
GROUP BY c.id HAVING c.live
    OR sum(p.practised_s) <> coalesce(floor(extract(epoch FROM c.ended_at - c.active_at)), 0)
    OR bool_or(p.ended_it AND n.id IS NOT NULL)
    OR (c.active_at IS NOT NULL OR c.reason = 'blocked') AND count(n.id) > 0
    OR c.active_at IS NOT NULL AND (c.reason IN ('abandoned', 'declined') OR c.connect_by IS NULL)
    OR c.connect_by IS NOT NULL AND c.reason IN ('abandoned', 'declined')
    OR c.reason IN ('declined', 'left', 'offline') AND count(*) FILTER (WHERE p.ended_it) <> 1
    OR c.reason = 'blocked' AND bool_or(p.ended_it)
"""

Doing = Callable[[Replica], Awaitable[object]]


class Pair(Struct, frozen=True):
    """Two in a session, each with an older and a newer connection."""

    users: tuple[UserId, UserId]
    session_id: SessionId
    connections: tuple[ConnectionId, ConnectionId]


async def pair(sessions: Replica) -> Pair:
    ana, ben, session_id = await sessions.talking_pair()
    return Pair((ana, ben), session_id, (ConnectionId(new_id()), ConnectionId(new_id())))


def doings(of: Pair, dice: random.Random) -> list[Doing]:
    """Both join and connect, perhaps on a newer connection, or one never comes and it gets late;
    one to three things end it. All twice, in any order."""

    def acts(kind: type[Act], user: UserId, connection: ConnectionId) -> Doing:
        event = act(kind, user, of.session_id, connection, dice.choice(list(FailReason)))
        return lambda replica: replica.hear(event)

    def late(replica: Replica) -> Awaitable[object]:
        return be_late(replica, of.session_id)

    here = dice.choice([of.users, of.users, of.users[:1]])
    begun = [
        acts(kind, user, connection)
        for kind in (ParticipantJoined, ParticipantConnected)
        for user in here
        for connection in dice.sample(of.connections, dice.randint(1, 2))
        if dice.random() < 0.9
    ]
    one, other = dice.sample(of.users, 2)
    possible: list[Doing] = [
        *(
            acts(kind, one, dice.choice(of.connections))
            for kind in (ParticipantDeclined, ParticipantFailed, ParticipantLeft)
        ),
        lambda replica: go_offline(replica, one, of.session_id),
        lambda replica: block(replica, one, other),
        late,
    ]
    ending = dice.sample(possible, dice.randint(1, 3)) if len(here) == 2 else [late]
    both = [*begun, *ending] * 2
    dice.shuffle(both)
    return both


async def go_offline(replica: Replica, user: UserId, session_id: SessionId) -> None:
    silent = Silent(user_id=user, session_id=session_id)
    now = await replica.value("SELECT now()")
    await replica.hear(UserOffline(correlation_id="x", users=(silent,), read_at=now))


async def block(replica: Replica, one: UserId, other: UserId) -> None:
    await replica.ask(BlockUser(user_id=one, blocked_id=other))


async def be_late(replica: Replica, session_id: SessionId) -> None:
    """Whatever deadline it has before the talk passes, and is swept."""
    await replica.rows(LATE, session_id)
    await replica.parts.sweep.meet_deadlines()


async def in_any_order(replica: Replica, doing: Doing, dice: random.Random) -> None:
    """As an inbox would: what finds the store too busy is held and tried again."""
    await asyncio.sleep(dice.uniform(0, 0.02))
    for _ in range(20):
        try:
            await doing(replica)
        except Unavailable:
            continue
        return
    raise AssertionError("never got through")


async def test_two_hundred_interleavings_end_once_in_one_consistent_record(
    replicas: tuple[Replica, Replica],
) -> None:
    one, _ = replicas
    await one.calm(600)
    dice = random.Random(3)
    for _ in range(INTERLEAVINGS // AT_ONCE):
        pairs = [await pair(one) for _ in range(AT_ONCE)]
        happening = [(of, doing) for of in pairs for doing in doings(of, dice)]
        dice.shuffle(happening)
        await asyncio.gather(
            *(in_any_order(dice.choice(replicas), doing, dice) for _, doing in happening)
        )
        for of in pairs:  # what replaced pages wanted did not end it: hang up
            await one.hear(act(ParticipantLeft, of.users[0], of.session_id, ConnectionId(new_id())))
            await assert_told_alike(one, of)
    assert await one.rows(AMISS) == []
    over = [event for each in replicas for event in each.told(SessionEnded)]
    assert len(over) == len({event.session_id for event in over}) == INTERLEAVINGS
    for event in over:
        assert sum(each.practised_s for each in event.participants) == event.duration_s
    assert {event.reason for event in over} >= set(SessionEndReason) - {"erased", "maximum"}
    assert await one.value("SELECT count(*) FROM chat_sessions WHERE active_at IS NOT NULL") > 10
    await assert_sound(*replicas)


async def assert_told_alike(sessions: Replica, of: Pair) -> None:
    """Both have the same end of this session as their last, and nothing live."""
    lasts: list[EndedSession] = []
    for user in of.users:
        state = await sessions.state(user)
        assert state.session is None
        assert state.last_session is not None
        assert state.last_session.session_id == of.session_id
        lasts.append(state.last_session)
    mine, theirs = lasts
    assert (mine.reason, mine.ended_at, mine.duration_s) == (
        theirs.reason,
        theirs.ended_at,
        theirs.duration_s,
    )
    assert mine.practised_s == theirs.partner_practised_s
