"""The socket across losses: what was missed is in the welcome, and nothing is told twice."""

import uuid
from collections.abc import AsyncIterator

import pytest_asyncio

from shared.testing import eventually
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Stack


@pytest_asyncio.fixture
async def people(stack: Stack) -> AsyncIterator[Crowd]:
    async with crowd(stack.urls) as people:
        yield people


async def two_who_fit(people: Crowd) -> tuple[Person, Person]:
    """On different gateways, in languages of nobody else."""
    ana = await people.arrive("Ana", speaks("is", "fo"), gateway=0)
    rani = await people.arrive("Ráni", speaks("fo", "is"), gateway=1)
    return ana, rani


async def test_hello_is_answered_with_the_present_state(people: Crowd) -> None:
    ana = await people.newcomer("Ana", speaks("is", "fo"), interests=["film"])
    request_id = await ana.ask()
    welcome = await ana.connect()
    assert welcome["user"]["id"] == ana.id
    assert welcome["user"]["display_name"] == "Ana"
    assert welcome["request"]["request_id"] == request_id
    assert welcome["session"] is None
    assert welcome["last_request"] is None
    await ana.say(type="ping", id="1")
    assert (await ana.hear("pong"))["id"] == "1"


async def test_a_match_made_while_away_is_in_the_welcome(people: Crowd) -> None:
    ana, rani = await two_who_fit(people)
    request_id = await ana.ask()
    await ana.leave()
    await rani.ask()
    found = await rani.hear("match.found")
    welcome = await ana.connect()
    assert welcome["request"] is None
    assert welcome["session"]["session_id"] == found["session_id"]
    assert welcome["session"]["partner"]["id"] == rani.id
    assert welcome["last_request"]["request_id"] == request_id
    assert welcome["last_request"]["status"] == "matched"
    assert ana.heard("match.found") == []


async def test_a_lost_connection_comes_back_and_hears_the_match_once(people: Crowd) -> None:
    ana, rani = await two_who_fit(people)
    request_id = await ana.ask()
    await ana.drop()
    welcome = await ana.hear("welcome")
    assert welcome["request"]["request_id"] == request_id
    await rani.ask()
    assert (await ana.hear("match.found"))["partner"]["id"] == rani.id
    await ana.drop()
    welcome = await ana.hear("welcome")
    assert welcome["session"]["partner"]["id"] == rani.id
    assert len(ana.heard("match.found")) == 1


async def test_the_end_of_a_request_missed_is_in_the_welcome(people: Crowd) -> None:
    ana = await people.newcomer("Ana", speaks("is", "fo"))
    request_id = await ana.ask(timeout="1s")

    async def ended() -> str:
        answer = await ana.call("GET", f"/match/request/{request_id}")
        assert answer.json()["status"] == "expired"
        return str(answer.json()["reason"])

    reason: str = await eventually(ended)
    assert reason == "timeout"
    welcome = await ana.connect()
    assert welcome["request"] is None
    assert welcome["last_request"]["request_id"] == request_id
    assert welcome["last_request"]["status"] == "expired"


async def test_the_newer_connection_replaces_the_older_on_any_gateway(people: Crowd) -> None:
    ana = await people.arrive("Ana", speaks("is", "fo"), gateway=0)
    elsewhere = Person(people.gateways, 1, ana.http, ana.address, ana.tasks)
    elsewhere.name = "Ana elsewhere"
    elsewhere.id, elsewhere.access_token = ana.id, ana.access_token
    people.people.append(elsewhere)
    await elsewhere.connect()

    def replaced() -> None:
        assert ana.close_codes == [4509]

    await eventually(replaced)
    request_id = await elsewhere.ask()
    await elsewhere.cancel()
    assert (await elsewhere.hear("match.cancelled"))["request_id"] == request_id


async def test_a_refreshed_token_opens_a_socket(people: Crowd) -> None:
    ana = await people.newcomer("Ana", speaks("is", "fo"))
    first = ana.refresh_token
    await ana.refresh()
    assert ana.refresh_token != first
    assert (await ana.connect())["user"]["id"] == ana.id


async def test_a_bad_token_in_hello_is_not_let_in(people: Crowd) -> None:
    ana = await people.newcomer("Ana", speaks("is", "fo"))
    ana.access_token = uuid.uuid4().hex
    stranger = ana.tasks.create_task(ana._stay())

    def refused() -> None:
        assert ana.close_codes == [4501]

    await eventually(refused)
    await stranger
    assert ana.heard("welcome") == []
