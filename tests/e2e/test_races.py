"""Cancelling against a claim: whichever wins, the user is told what is so."""

import asyncio
import random

import httpx2
import pytest

from shared.testing import eventually
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Shape, Stack, Stacks

PAIRS = 500
TOGETHER = 25
LAG_MAX_S = 0.06
"""How long after the partner's arrival a change of mind comes: about as long as a claim takes."""
LONG_JOIN = (("SESSION_JOIN_TIMEOUT", "30m"),)
"""Nobody joins here: sessions stay as they began until all is counted."""

Pair = tuple[Person, Person]


@pytest.mark.timeout(240)
async def test_a_cancel_that_races_a_claim_ends_one_way_and_says_which(stacks: Stacks) -> None:
    """500 who waited and 500 who arrived change their minds at the moment they are paired."""
    answers: dict[str, httpx2.Response] = {}
    with stacks.alone(Shape(settings=LONG_JOIN)) as stack:
        async with crowd(stack.urls, erase=False) as people:
            pairs = await arrive_in_pairs(people)
            for begin in range(0, PAIRS, TOGETHER):
                some = pairs[begin : begin + TOGETHER]
                for outcome in await asyncio.gather(*(race(*pair) for pair in some)):
                    answers |= outcome
            for person in people.people:
                await check_told(person, answers[person.id])
            await check_rows(stack, answers)
    for side in (0, 1):
        codes = [answers[pair[side].id].status_code for pair in pairs]
        assert codes.count(204) + codes.count(409) == PAIRS
        assert min(codes.count(204), codes.count(409)) > PAIRS // 20, "one always won: no race"


async def arrive_in_pairs(people: Crowd) -> list[Pair]:
    """Each pair on different gateways."""

    async def arrive(number: int) -> Pair:
        return (
            await people.arrive(f"Es {number}", speaks("es", "en"), gateway=number % 2),
            await people.arrive(f"En {number}", speaks("en", "es"), gateway=(number + 1) % 2),
        )

    pairs: list[Pair] = []
    for begin in range(0, PAIRS, TOGETHER):
        pairs += await asyncio.gather(*map(arrive, range(begin, min(begin + TOGETHER, PAIRS))))
    return pairs


async def race(waiting: Person, arriving: Person) -> dict[str, httpx2.Response]:
    """What each was answered, by user: both cancel while they are being paired."""

    async def arrive_and_leave() -> httpx2.Response:
        await arriving.ask()
        await asyncio.sleep(random.uniform(0, LAG_MAX_S))
        return await arriving.cancel()

    async def leave() -> httpx2.Response:
        await asyncio.sleep(random.uniform(0, 2 * LAG_MAX_S))
        return await waiting.cancel()

    await waiting.ask()
    one, two = await asyncio.gather(leave(), arrive_and_leave())
    return {waiting.id: one, arriving.id: two}


async def check_told(person: Person, answer: httpx2.Response) -> None:
    """204 and never a match, or 409 and that very match: told once, and nothing else."""

    def told() -> None:
        found, cancelled = person.heard("match.found"), person.heard("match.cancelled")
        if answer.status_code == 204:
            assert (len(found), len(cancelled)) == (0, 1), person.frames
        else:
            assert answer.status_code == 409, answer.text
            assert answer.json()["type"].endswith("already-matched")
            assert (len(found), len(cancelled)) == (1, 0), person.frames
            assert found[0]["session_id"] == answer.json()["session_id"]

    await eventually(told)


async def check_rows(stack: Stack, answers: dict[str, httpx2.Response]) -> None:
    rows = await stack.stores.query(
        """SELECT user_id, status, count(*) OVER (PARTITION BY session_id) AS sides
           FROM match_requests"""
    )
    assert len(rows) == 2 * PAIRS
    for row in rows:
        won = answers[str(row["user_id"])].status_code == 204
        assert row["status"] == ("cancelled" if won else "matched")
        assert won or row["sides"] == 2
    matched = sum(answer.status_code == 409 for answer in answers.values())
    assert await stack.stores.value("SELECT count(*) FROM chat_sessions") == matched / 2
