"""Who is paired with whom, through the gateway, with everything real behind it."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.client import Frame, Languages, Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Stack

SPANIARD = speaks("es", "en", "B1")
BRITON = speaks("en", "es", "B1")
SWEEPS_S = 5.0
"""Longer than two sweeps: who is not paired by then is not going to be."""


@pytest_asyncio.fixture
async def people(stack: Stack) -> AsyncIterator[Crowd]:
    async with crowd(stack.urls) as people:
        yield people


def assert_partners(one: Person, found_one: Frame, two: Person, found_two: Frame) -> None:
    """Both frames tell of one session, each naming the other."""
    assert found_one["session_id"] == found_two["session_id"]
    assert found_one["partner"]["id"] == two.id
    assert found_two["partner"]["id"] == one.id
    assert found_one["polite"] is not found_two["polite"]
    assert found_one["you_practise"] == found_two["partner_practises"]
    assert found_two["you_practise"] == found_one["partner_practises"]


@pytest.mark.parametrize("gateway_of_ben", [0, 1], ids=["one gateway", "two gateways"])
async def test_a_spaniard_and_a_briton_are_paired(
    stack: Stack, people: Crowd, gateway_of_ben: int
) -> None:
    ana = await people.arrive("Ana", SPANIARD, gateway=0)
    ben = await people.arrive("Ben", BRITON, gateway=gateway_of_ben)
    request_of_ana = await ana.ask()
    request_of_ben = await ben.ask()
    found_ana, found_ben = await ana.hear("match.found"), await ben.hear("match.found")

    assert_partners(ana, found_ana, ben, found_ben)
    assert found_ana["request_id"] == request_of_ana
    assert found_ben["request_id"] == request_of_ben
    assert found_ana["you_practise"] == "en"
    assert found_ana["partner"]["display_name"] == "Ben"
    assert found_ana["version"] > ana.heard("welcome")[0]["version"]
    session = found_ana["session_id"]
    assert await stack.stores.value("SELECT status FROM chat_sessions WHERE id = $1", session) == (
        "waiting"
    )
    statuses = await stack.stores.query(
        "SELECT status FROM match_requests WHERE id = ANY($1::uuid[])",
        [request_of_ana, request_of_ben],
    )
    assert [row["status"] for row in statuses] == ["matched", "matched"]
    answer = await ana.call("GET", f"/match/request/{request_of_ana}")
    assert answer.json()["status"] == "matched"
    assert answer.json()["session_id"] == session


async def test_brazilian_portuguese_meets_portuguese(people: Crowd) -> None:
    luiza = await people.arrive("Luíza", speaks("pt-BR", "de", "A2"))
    jonas = await people.arrive("Jonas", speaks("de", "pt", "A2"))
    await luiza.ask()
    await jonas.ask()
    found_luiza, found_jonas = await luiza.hear("match.found"), await jonas.hear("match.found")
    assert_partners(luiza, found_luiza, jonas, found_jonas)


async def test_several_languages_meet_where_they_are_mutual(people: Crowd) -> None:
    many = Languages(("fr", "it"), (("ja", "A1"), ("sv", "B2")))
    chloe = await people.arrive("Chloé", many)
    nils = await people.arrive("Nils", Languages(("sv", "fi"), (("it", "B1"), ("ko", "A1"))))
    await chloe.ask()
    await nils.ask()
    found_chloe, found_nils = await chloe.hear("match.found"), await nils.hear("match.found")
    assert_partners(chloe, found_chloe, nils, found_nils)
    assert found_chloe["you_practise"] == "sv"
    assert found_nils["you_practise"] == "it"


async def test_two_spaniards_are_not_paired_and_are_told_when_their_time_is_up(
    stack: Stack, people: Crowd
) -> None:
    async def wait_in_vain(name: str, gateway: int) -> float:
        person = await people.arrive(name, SPANIARD, gateway=gateway)
        request_id = await person.ask(timeout="3s")
        begin = time.monotonic()
        expired = await person.hear("match.expired", deadline_s=6)
        assert expired["request_id"] == request_id
        assert person.heard("match.found") == []
        return expired.received_at - begin

    waited_s = await asyncio.gather(wait_in_vain("Ana", 0), wait_in_vain("Blas", 1))
    assert all(2.0 <= waited <= 4.0 for waited in waited_s), waited_s
    ids = [person.id for person in people.people]
    rows = await stack.stores.query(
        "SELECT status FROM match_requests WHERE user_id = ANY($1::uuid[])", ids
    )
    assert [row["status"] for row in rows] == ["expired", "expired"]


async def test_the_better_level_beats_the_equal_wait(people: Crowd) -> None:
    """The worse fit even came first: by a moment, which is no wait to speak of."""
    far = await people.arrive("Far", speaks("en", "es", "C2"))
    near = await people.arrive("Near", speaks("en", "es", "A2"))
    ana = await people.arrive("Ana", speaks("es", "en", "A2"))
    await far.ask()
    await near.ask()
    await ana.ask()
    assert (await ana.hear("match.found"))["partner"]["id"] == near.id
    assert far.heard("match.found") == []


async def test_of_equals_the_longer_waiting_goes_first(people: Crowd) -> None:
    waiting = [await people.arrive(f"Ben {n}", BRITON) for n in range(3)]
    for person in waiting:
        await person.ask()
    for earliest in waiting:
        ana = await people.arrive("Ana", SPANIARD)
        await ana.ask()
        assert (await ana.hear("match.found"))["partner"]["id"] == earliest.id
        await earliest.hear("match.found")


@pytest.mark.parametrize("who_blocks", [0, 1], ids=["the waiting", "the arriving"])
async def test_a_blocked_user_is_never_met(people: Crowd, who_blocks: int) -> None:
    ana = await people.arrive("Ana", SPANIARD)
    ben = await people.arrive("Ben", BRITON)
    blocker, blocked = (ana, ben) if who_blocks == 0 else (ben, ana)
    answer = await blocker.call("PUT", f"/blocks/{blocked.id}")
    assert answer.status_code in (200, 201, 204), answer.text
    await ana.ask(timeout=f"{SWEEPS_S:g}s")
    await ben.ask(timeout=f"{SWEEPS_S:g}s")
    for person in (ana, ben):
        await person.hear("match.expired", deadline_s=SWEEPS_S + 3)
        assert person.heard("match.found") == []


@pytest.mark.parametrize("who_blocks", [0, 1], ids=["the waiting", "the arriving"])
async def test_a_block_while_somebody_waits_keeps_them_apart(
    people: Crowd, who_blocks: int
) -> None:
    """The block lands in the pool with the ticket's next attempt; then the other arrives."""
    ana = await people.arrive("Ana", SPANIARD)
    ben = await people.arrive("Ben", BRITON)
    await ana.ask(timeout="6s")
    blocker, blocked = (ana, ben) if who_blocks == 0 else (ben, ana)
    await blocker.call("PUT", f"/blocks/{blocked.id}")
    await ben.ask(timeout="3s")
    await ben.hear("match.expired", deadline_s=6)
    carl = await people.arrive("Carl", BRITON)
    await carl.ask()
    assert (await ana.hear("match.found"))["partner"]["id"] == carl.id
