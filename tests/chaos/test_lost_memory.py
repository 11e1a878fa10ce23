"""Redis comes back empty while people wait: the pool refills from what Postgres knows."""

import asyncio

from shared.testing import eventually
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import crowd
from tests.e2e.stack import Shape, Stack, Stacks

WAITING = 50
TIMEOUT_S = 25
SHAPE = Shape(settings=(("SESSION_JOIN_TIMEOUT", "30m"),))


async def test_fifty_who_wait_while_redis_forgets_are_paired_or_expired(stacks: Stacks) -> None:
    """Half of them find somebody who comes afterwards; for the other half nobody comes."""
    stack = stacks.use(SHAPE)
    async with crowd(stack.urls) as people:
        waiting = [await people.arrive(f"Es {n}", speaks("es", "en")) for n in range(WAITING)]
        requests = await asyncio.gather(*(who.ask(timeout=f"{TIMEOUT_S}s") for who in waiting))
        await forget(stack)
        later = [await people.arrive(f"En {n}", speaks("en", "es")) for n in range(WAITING // 2)]
        await asyncio.gather(*(who.ask(timeout=f"{TIMEOUT_S}s") for who in later))

        def all_ended() -> None:
            assert all(ended(who) for who in (*waiting, *later))

        await eventually(all_ended, deadline_s=TIMEOUT_S + 10)
        assert all(len(ended(who)) == 1 for who in (*waiting, *later)), "told twice"
        assert [ended(who)[0] for who in later] == ["match.found"] * len(later)
        outcomes = [ended(who)[0] for who in waiting]
        assert outcomes.count("match.found") == outcomes.count("match.expired") == WAITING // 2
        rows = await stack.stores.query(
            "SELECT status FROM match_requests WHERE id = ANY($1::uuid[])", requests
        )
        assert sorted(row["status"] for row in rows) == ["expired"] * 25 + ["matched"] * 25


async def forget(stack: Stack) -> None:
    """FLUSHALL as far as this stack's Redis database goes: the server may be shared."""
    async with stack.stores.redis() as client:
        await client.flushdb()


def ended(person: Person) -> list[str]:
    ends = ("match.found", "match.expired", "match.cancelled")
    return [frame.type for frame in person.frames if frame.type in ends]
