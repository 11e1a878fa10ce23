"""A request from its 202 to its end: cancelled, repeated, replayed, asked twice."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.e2e.client import speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Stack

LONELY = speaks("eu", "cy", "B1")
"""Nobody else in these tests speaks Basque or practises Welsh."""


@pytest_asyncio.fixture
async def people(stack: Stack) -> AsyncIterator[Crowd]:
    async with crowd(stack.urls) as people:
        yield people


async def test_an_accepted_request_says_what_it_is(stack: Stack, people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    answer = await ana.call("POST", "/match/request", {"timeout": "3m"})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["status"] == "pending"
    assert body["connected"] is True
    assert body["estimated_wait_s"] is None, "nobody ever waited for Welsh: no honest estimate"
    assert answer.headers["location"].endswith(f"/match/request/{body['request_id']}")
    pending = await ana.call("GET", "/match/request")
    assert pending.status_code == 200
    assert pending.json()["request_id"] == body["request_id"]
    waits_s = await stack.stores.value(
        "SELECT extract(epoch FROM expires_at - since) FROM match_requests WHERE id = $1",
        body["request_id"],
    )
    assert abs(float(waits_s) - 180) < 1


async def test_cancelling_ends_it_once(people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    request_id = await ana.ask()
    assert (await ana.cancel()).status_code == 204
    assert (await ana.hear("match.cancelled"))["request_id"] == request_id
    assert (await ana.cancel()).status_code == 404
    answer = await ana.call("GET", f"/match/request/{request_id}")
    assert answer.json()["status"] == "cancelled"
    assert (await ana.call("GET", "/match/request")).status_code == 404
    assert len(ana.heard("match.cancelled")) == 1


async def test_a_cancelled_request_is_met_by_nobody_and_another_may_follow(people: Crowd) -> None:
    ana = await people.arrive("Ana", speaks("eu", "gl"))
    first = await ana.ask()
    await ana.cancel()
    xoan = await people.arrive("Xoán", speaks("gl", "eu"))
    await xoan.ask()
    second = await ana.ask()
    found = await ana.hear("match.found")
    assert found["request_id"] == second != first
    await xoan.hear("match.found")


async def test_a_second_request_is_refused_naming_the_first(people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    request_id = await ana.ask()
    answer = await ana.call("POST", "/match/request", {}, gateway=1)
    assert answer.status_code == 409
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["type"].endswith("request-pending")
    assert request_id in answer.text


async def test_a_request_in_a_live_session_is_refused_naming_it(people: Crowd) -> None:
    ana = await people.arrive("Ana", speaks("eu", "ga"))
    sean = await people.arrive("Seán", speaks("ga", "eu"))
    await ana.ask()
    await sean.ask()
    session = (await ana.hear("match.found"))["session_id"]
    answer = await ana.call("POST", "/match/request", {})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("session-live")
    assert session in answer.text


async def test_requests_racing_for_one_user_open_one(stack: Stack, people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    answers = await asyncio.gather(
        *(ana.call("POST", "/match/request", {}, gateway=n) for n in range(20))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [202] + [409] * 19
    rows = "SELECT count(*) FROM match_requests WHERE user_id = $1"
    assert await stack.stores.value(rows, ana.id) == 1


async def test_the_same_request_with_one_key_is_one_request(stack: Stack, people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    key = uuid.uuid4().hex
    answers = await asyncio.gather(
        *(ana.call("POST", "/match/request", {"timeout": "2m"}, key=key, gateway=n) for n in (0, 1))
    )
    answers += [await ana.call("POST", "/match/request", {"timeout": "2m"}, key=key)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["request_id"] for answer in answers}) == 1
    rows = "SELECT count(*) FROM match_requests WHERE user_id = $1"
    assert await stack.stores.value(rows, ana.id) == 1


async def test_a_key_with_another_body_is_refused(people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    key = uuid.uuid4().hex
    await ana.call("POST", "/match/request", {"timeout": "2m"}, key=key)
    answer = await ana.call("POST", "/match/request", {"timeout": "1m"}, key=key)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("idempotency-mismatch")


async def test_a_replay_after_the_end_names_the_same_with_its_present_status(
    people: Crowd,
) -> None:
    ana = await people.arrive("Ana", LONELY)
    key = uuid.uuid4().hex
    first = await ana.call("POST", "/match/request", {}, key=key)
    await ana.cancel()
    replay = await ana.call("POST", "/match/request", {}, key=key)
    assert replay.status_code == 202, replay.text
    assert replay.json()["request_id"] == first.json()["request_id"]
    assert replay.json()["status"] == "cancelled"


async def test_somebody_elses_request_is_nobodys(people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    eve = await people.newcomer("Eve", LONELY)
    request_id = await ana.ask()
    assert (await eve.call("GET", f"/match/request/{request_id}")).status_code == 404
    assert (await eve.cancel()).status_code == 404
    pending = await ana.call("GET", "/match/request")
    assert pending.json()["request_id"] == request_id


async def test_waiting_is_told_while_it_lasts(people: Crowd) -> None:
    ana = await people.arrive("Ana", LONELY)
    request_id = await ana.ask(timeout="30s")
    waiting = await ana.hear("match.waiting", deadline_s=13)
    assert waiting["request_id"] == request_id
    assert 8 <= waiting["waited_s"] <= 13
    assert waiting["estimated_wait_s"] is None
