"""Two processes on one Postgres, doing what excludes each other at the same moment."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from services.sessions.tests.replica import ENGLISH, Replica, match
from services.sessions.tests.soundness import assert_sound
from shared.domain import UserState
from shared.errors import Refused
from shared.events import Silent, UserOffline
from shared.identifiers import UserId
from shared.requests import BlockUser, CancelRequest, EraseUser, GetState, RequestOpened

ROUNDS = 200


async def outcome(asking: Awaitable[Any]) -> str:
    """`done`, or the code of the refusal."""
    try:
        await asking
    except Refused as refused:
        return refused.code
    return "done"


async def waiting_pairs(
    sessions: Replica, number: int, timeout_s: float = 300
) -> list[tuple[RequestOpened, RequestOpened]]:
    pairs = await asyncio.gather(*(sessions.pair() for _ in range(number)))
    users = [user for pair in pairs for user in pair]
    opened = await asyncio.gather(*(sessions.open(user, timeout_s) for user in users))
    return list(zip(opened[::2], opened[1::2], strict=True))


async def race(
    pairs: list[tuple[RequestOpened, RequestOpened]],
    one: Callable[[RequestOpened, RequestOpened], Awaitable[Any]],
    other: Callable[[RequestOpened, RequestOpened], Awaitable[Any]],
) -> list[str]:
    """The outcomes of `one` for each pair while `other` happens to it, now this first, now that.

    No more at once than there are connections: who waits for one does not race.
    """
    outcomes: list[str] = []
    for i in range(0, len(pairs), 4):
        racing = [outcome(one(*pair)) for pair in pairs[i : i + 4]]
        against = [outcome(other(*pair)) for pair in pairs[i : i + 4]]
        number = len(racing)
        if i % 8:
            outcomes += (await asyncio.gather(*racing, *against))[:number]
        else:
            outcomes += (await asyncio.gather(*against, *racing))[number:]
    return outcomes


async def test_of_cancel_and_match_exactly_one_wins(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    pairs = await waiting_pairs(one, ROUNDS)
    won = await race(
        pairs,
        lambda ana, _: one.ask(CancelRequest(user_id=ana.state.user.id)),
        lambda ana, ben: other.hear(match(ana, ben)),
    )
    for (ana, ben), how in zip(pairs, won, strict=True):
        state = await one.state(ana.state.user.id)
        partner = await one.state(ben.state.user.id)
        if how == "done":
            assert (state.session, state.request, partner.session) == (None, None, None)
            assert partner.request is not None
        else:
            assert how == "already-matched"
            assert state.session is not None
            assert partner.session is not None
    assert len(Counter(won)) == 2, "the race was none"
    await assert_sound(*replicas)


@pytest.mark.parametrize("blocker", ["first", "second"])
async def test_of_block_and_match_no_session_stays(
    replicas: tuple[Replica, Replica], blocker: str
) -> None:
    one, other = replicas

    async def block(*pair: RequestOpened) -> UserState:
        by, of = pair if blocker == "first" else pair[::-1]
        return await one.ask(BlockUser(user_id=by.state.user.id, blocked_id=of.state.user.id))

    await race(
        await waiting_pairs(one, ROUNDS // 2), block, lambda ana, ben: other.hear(match(ana, ben))
    )
    assert await one.value("SELECT count(*) FROM chat_sessions WHERE live") == 0
    ended = await one.value("SELECT count(*) FROM chat_sessions WHERE reason = 'blocked'")
    assert 0 < ended < ROUNDS // 2, "the race was none"
    await assert_sound(*replicas)


async def test_of_erase_and_match_the_other_waits_on(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    pairs = await waiting_pairs(one, ROUNDS // 2)
    await race(
        pairs,
        lambda ana, _: one.ask(EraseUser(user_id=ana.state.user.id)),
        lambda ana, ben: other.hear(match(ana, ben)),
    )
    for ana, ben in pairs:
        assert (await one.state(ana.state.user.id)).erased
        assert (await one.state(ben.state.user.id)).request is not None
    ended = await one.value("SELECT count(*) FROM chat_sessions WHERE reason = 'erased'")
    assert 0 < ended < ROUNDS // 2, "the race was none"
    await assert_sound(*replicas)


async def test_of_expiry_and_match_exactly_one_wins(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    pairs = await waiting_pairs(one, ROUNDS // 2)
    for ahead, racing in heats(pairs):
        requests = [opened.request.request_id for pair in racing for opened in pair]
        await one.rows("UPDATE match_requests SET since = since - interval '1 h', "
                       "expires_at = now() - interval '1 s' WHERE id = ANY($1::uuid[])",
                       requests)  # fmt: skip
        matching = [after(ahead, other, other.hear(match(*pair))) for pair in racing]
        await asyncio.gather(after(-ahead, one, one.parts.sweep.expire()), *matching)
    assert await reasons(one) == {"timeout", "matched"}, "the race was none"
    await assert_sound(*replicas)


async def test_of_offline_cancel_and_match_one_wins(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    pairs = await waiting_pairs(one, ROUNDS // 2)
    for ahead, racing in heats(pairs):
        silent = tuple(
            Silent(user_id=ana.state.user.id, request_id=ana.request.request_id)
            for ana, _ in racing
        )
        now = await one.value("SELECT now()")
        event = UserOffline(correlation_id="x", users=silent, read_at=now)
        against = [after(ahead, other, other.hear(match(*pair))) for pair in racing[::2]]
        against += [
            after(ahead, other, outcome(other.ask(CancelRequest(user_id=ana.state.user.id))))
            for ana, _ in racing
        ]
        silencing = [after(-ahead, one, one.hear(event)) for _ in range(2)]
        await asyncio.gather(*silencing, *against)
    ended = await reasons(one)
    assert ended == {"offline", "user", "matched"}, "the race was none"
    await assert_sound(*replicas)


def heats(
    pairs: list[tuple[RequestOpened, RequestOpened]],
) -> Iterator[tuple[int, list[tuple[RequestOpened, RequestOpened]]]]:
    """Four pairs at a time, each time with another head start for who acts on all four; a negative
    one is for who acts on one."""
    for i in range(0, len(pairs), 4):
        yield i // 4 % 5 - 2, pairs[i : i + 4]


async def after(ahead: int, sessions: Replica, acting: Awaitable[Any]) -> None:
    """Act when so many questions have gone to Postgres and back."""
    for _ in range(ahead):
        await sessions.value("SELECT 1")
    await acting


async def reasons(sessions: Replica) -> set[str]:
    """Why requests ended."""
    query = "SELECT DISTINCT reason FROM match_requests WHERE status <> 'pending'"
    return {row["reason"] for row in await sessions.rows(query)}


async def test_a_state_read_amid_all_this_shows_one_moment(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    seen: dict[tuple[UserId, int], UserState] = {}
    pairs = await waiting_pairs(one, 30)
    over = asyncio.Event()

    async def watch(user_id: UserId) -> None:
        while not over.is_set():
            state = await other.ask(GetState(user_id=user_id))
            assert state.request is None or state.session is None
            assert seen.setdefault((user_id, state.version), state) == state

    async def live(ana: RequestOpened, ben: RequestOpened) -> None:
        for _ in range(5):
            user_id = ana.state.user.id
            await one.hear(match(ana, ben))
            await other.ask(EraseUser(user_id=ben.state.user.id))
            fresh = await one.register("Ben", speaks=ENGLISH)
            ana, ben = await one.waiting(user_id), await one.open(fresh)

    async with asyncio.TaskGroup() as tasks:
        for ana, _ in pairs[:3]:
            tasks.create_task(watch(ana.state.user.id))
        await asyncio.gather(*(live(*pair) for pair in pairs))
        over.set()
    await assert_sound(*replicas)
