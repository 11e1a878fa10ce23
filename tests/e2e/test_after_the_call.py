"""After a talk, and beside one: ratings, reports, blocks and history, through the gateway."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Stack

GUESS = "01935000-0000-7000-8000-000000000051"
KEPT = "SELECT (SELECT count(*) FROM feedback) + (SELECT count(*) FROM reports)"


@pytest_asyncio.fixture
async def people(stack: Stack) -> AsyncIterator[Crowd]:
    async with crowd(stack.urls) as people:
        yield people


async def found(people: Crowd) -> tuple[Person, Person, str]:
    """Ana and Ben, at two gateways, in a session that waits for both."""
    ana = await people.arrive("Ana", speaks("es", "en"), gateway=0)
    ben = await people.arrive("Ben", speaks("en", "es"), gateway=1)
    await ana.ask()
    await ben.ask()
    session = (await ana.hear("match.found"))["session_id"]
    await ben.hear("match.found")
    return ana, ben, session


async def talking(people: Crowd) -> tuple[Person, Person, str]:
    """The two, hearing each other."""
    ana, ben, session = await found(people)
    for kind in ("session.join", "session.connected"):
        for person in (ana, ben):
            await person.say(type=kind, session_id=session)
    for person in (ana, ben):
        await person.hear("session.active")
    return ana, ben, session


async def rate(person: Person, session: str, *, key: str = "", **body: Any) -> httpx2.Response:
    return await person.call("POST", f"/sessions/{session}/feedback", body, key=key)


async def report(person: Person, session: str, *, key: str = "", **body: Any) -> httpx2.Response:
    return await person.call("POST", "/reports", {"session_id": session, **body}, key=key)


def refused(answer: httpx2.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


async def test_a_talk_is_rated_reported_and_remembered(stack: Stack, people: Crowd) -> None:
    ana, ben, session = await talking(people)
    refused(await rate(ana, session, rating=5), 409, "session-live")
    await ben.say(type="session.leave", session_id=session)
    for person in (ana, ben):
        assert (await person.hear("session.ended"))["reason"] == "left"

    words: dict[str, Any] = {"rating": 5, "tags": ["fun", "friendly"], "comment": "¡Qué bien!"}
    for _ in range(2):
        assert (await rate(ana, session, key="k", **words)).status_code == 204
    refused(await rate(ana, session, rating=1), 409, "feedback-given")
    refused(await rate(ana, session, key="k", rating=1), 422, "idempotency-mismatch")
    reports = [await report(ben, session, key="r", reason="spam", details="Hm.") for _ in range(2)]
    assert [answer.status_code for answer in reports] == [201, 201]
    assert reports[0].json() == reports[1].json()

    mine, theirs = [
        (await person.call("GET", f"/sessions/{session}")).json() for person in (ana, ben)
    ]
    assert (mine["rating"], theirs["rating"]) == (5, None)
    assert (mine["by_you"], theirs["by_you"]) == (False, True)
    assert (mine["partner"]["display_name"], mine["reason"]) == ("Ben", "left")
    assert mine["duration_s"] == theirs["duration_s"] >= 0
    assert mine["active_at"] and {"practised_s", "partner_practised_s"} <= set(mine)
    assert (await ana.call("GET", "/sessions")).json()["sessions"] == [mine]
    kept = await stack.stores.query(
        "SELECT rating, tags, comment FROM feedback WHERE session_id = $1", session
    )
    assert [tuple(row) for row in kept] == [(5, ["friendly", "fun"], "¡Qué bien!")]
    about = "SELECT reported_id::text FROM reports WHERE session_id = $1"
    assert await stack.stores.value(about, session) == ana.id


async def test_who_never_talked_has_nothing_to_rate_but_may_report(people: Crowd) -> None:
    ana, ben, session = await found(people)
    assert (await report(ana, session, reason="other")).status_code == 201
    await ben.say(type="session.decline", session_id=session)
    await ana.hear("session.ended")
    refused(await rate(ana, session, rating=1), 409, "never-talked")


async def test_a_third_persons_word_counts_for_nothing(stack: Stack, people: Crowd) -> None:
    ana, ben, session = await talking(people)
    eve = await people.arrive("Eve", speaks("en", "es"))
    before = await stack.stores.value(KEPT)
    for over in (False, True):
        if over:
            await ana.say(type="session.leave", session_id=session)
            await ben.hear("session.ended")
        for guess in (session, session.upper(), GUESS, session[:-1], "x"):
            refused(await rate(eve, guess, rating=1), 404, "unknown-session")
            refused(await report(eve, guess, reason="spam"), 404, "unknown-session")
            refused(await eve.call("GET", f"/sessions/{guess}"), 404, "unknown-session")
    assert await stack.stores.value(KEPT) == before


@pytest.mark.parametrize("who_blocks", [0, 1])
async def test_a_block_ends_a_call_under_way_at_once(people: Crowd, who_blocks: int) -> None:
    ana, ben, session = await talking(people)
    blocker, blocked = (ana, ben) if who_blocks == 0 else (ben, ana)
    assert (await blocker.call("PUT", f"/blocks/{blocked.id}")).status_code == 204
    for person in (ana, ben):
        ended = await person.hear("session.ended", deadline_s=2)
        assert (ended["session_id"], ended["reason"]) == (session, "blocked")
        assert not ended.body.get("by_you")
    for person in (ana, ben):
        await person.ask(timeout="5s")
    for person in (ana, ben):
        await person.hear("match.expired", deadline_s=8)
        assert len(person.heard("match.found")) == 1


async def test_two_who_block_while_they_are_being_matched_do_not_stay_together(
    stack: Stack, people: Crowd
) -> None:
    for _ in range(5):
        ana = await people.arrive("Ana", speaks("fi", "hu"))
        ben = await people.arrive("Ben", speaks("hu", "fi"))
        blocking = ana.call("PUT", f"/blocks/{ben.id}")
        await asyncio.gather(ana.ask(timeout="2s"), ben.ask(timeout="2s"), blocking)
        live = """SELECT count(*) FROM participants
                  WHERE live AND user_id = ANY($1::uuid[])"""
        for person in (ana, ben):
            await person.call("DELETE", "/match/request")
        assert await stack.stores.value(live, [ana.id, ben.id]) == 0
