"""What cannot be accepted: each its own clear problem document, and no trace anywhere."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import msgspec
import pytest
import pytest_asyncio
from msgspec import Struct
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from shared.testing import eventually
from tests.e2e.client import SUBPROTOCOL, Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import JWT_SECRET, Stack
from tests.e2e.stores import Census, Stores

FOREIGN = "https://evil.example"
GUESS = "01935000-0000-7000-8000-000000000051"
LIVING_KEYS = ("gateway:limit:", "{pool}:sweep")
"""Rate counters, and the lock of a sweep, which comes and goes by itself."""


@pytest_asyncio.fixture
async def people(stack: Stack) -> AsyncIterator[Crowd]:
    async with crowd(stack.urls) as people:
        yield people


class Bad(Struct, frozen=True):
    """A call that must be refused: `status` and the problem's code, and a word of its detail."""

    status: int
    code: str
    method: str = "POST"
    path: str = "/match/request"
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    detail: str = ""


def languages(native: Any, practice: Any) -> bytes:
    return msgspec.json.encode({"native_languages": native, "practice_languages": practice})


def profile(**changes: Any) -> bytes:
    english = [{"language": "en", "level": "B1"}]
    body = {"display_name": "Eve", "native_languages": ["es"], "practice_languages": english}
    return msgspec.json.encode({**body, **changes})


def practice(*tags: str) -> list[dict[str, str]]:
    return [{"language": tag, "level": "B1"} for tag in tags]


def complaint(session: str = GUESS, reason: str = "spam", details: str = "") -> bytes:
    return msgspec.json.encode({"session_id": session, "reason": reason, "details": details})


MANY = [f"{a}{b}" for a in "abcdefghij" for b in "abcdefghijklmnopqrst"]
BAD = {
    "unknown language": Bad(
        422, "unknown-language", body=languages(["xx-invalid"], practice("en")), detail="xx-invalid"
    ),
    "unknown practice": Bad(
        422, "unknown-language", body=languages(["es"], practice("xx-invalid")), detail="xx-invalid"
    ),
    "no natives": Bad(422, "no-languages", body=languages([], practice("en"))),
    "no practices": Bad(422, "no-languages", body=languages(["es"], [])),
    "native and practised": Bad(
        409, "languages-overlap", body=languages(["pt-BR"], practice("pt")), detail="pt"
    ),
    "overlap with profile": Bad(
        409, "languages-overlap", body=b'{"native_languages": ["en"]}', detail="en"
    ),
    "200 languages": Bad(422, "too-many-languages", body=languages(MANY, practice("en"))),
    "twice the same": Bad(
        409, "duplicate-language", body=languages(["es", "es-MX"], practice("en"))
    ),
    "unknown level": Bad(
        422, "invalid-body", body=languages(["es"], [{"language": "en", "level": "Z9"}])
    ),
    "wrong types": Bad(422, "invalid-body", body=languages("es", 7)),
    "a list": Bad(422, "invalid-body", body=b"[]"),
    "wrong timeout": Bad(422, "invalid-body", body=b'{"timeout": "soon"}', detail="timeout"),
    "long timeout": Bad(422, "invalid-body", body=b'{"timeout": "31m"}', detail="timeout"),
    "short timeout": Bad(422, "invalid-body", body=b'{"timeout": "10ms"}', detail="timeout"),
    "broken JSON": Bad(400, "malformed-json", body=b'{"timeout": '),
    "not UTF-8": Bad(400, "malformed-json", body=b'{"timeout": "\xff"}'),
    "1 MB": Bad(413, "body-too-large", body=b'{"timeout": "' + b"5" * 1_000_000 + b'"}'),
    "bad token": Bad(401, "invalid-token", headers=(("Authorization", "Bearer x.y.z"),)),
    "no bearer": Bad(401, "missing-token", headers=(("Authorization", ""),)),
    "foreign origin": Bad(403, "foreign-origin", headers=(("Origin", FOREIGN),)),
    "another path": Bad(404, "not-found", path="/match/nonsense"),
    "another method": Bad(405, "method-not-allowed", method="PATCH"),
    "register unknown": Bad(
        422, "unknown-language", path="/users", body=profile(native_languages=["xx-invalid"])
    ),
    "register nobody": Bad(422, "invalid-body", path="/users", body=b"{}", detail="display_name"),
    "register overlap": Bad(
        409, "languages-overlap", path="/users", body=profile(native_languages=["en-GB"])
    ),
    "register 200": Bad(
        422, "too-many-languages", path="/users", body=profile(native_languages=MANY)
    ),
    "register 1 MB": Bad(
        413, "body-too-large", path="/users", body=profile(display_name="x" * 10**6)
    ),
    "register relay only": Bad(
        409, "relay-unavailable", path="/users", body=profile(relay_only=True), detail="relay"
    ),
    "become relay only": Bad(
        409, "relay-unavailable", "PATCH", "/users/me", b'{"relay_only": true}', detail="relay"
    ),
    "rate nothing": Bad(404, "unknown-session", path="/sessions/x/feedback", body=b'{"rating": 5}'),
    "rate a guess": Bad(
        404, "unknown-session", path=f"/sessions/{GUESS}/feedback", body=b'{"rating": 5}'
    ),
    "rate 6": Bad(422, "invalid-body", path=f"/sessions/{GUESS}/feedback", body=b'{"rating": 6}'),
    "rate in words": Bad(
        422, "invalid-body", path=f"/sessions/{GUESS}/feedback", body=b'{"rating": "5"}'
    ),
    "report a guess": Bad(404, "unknown-session", path="/reports", body=complaint()),
    "report no session": Bad(404, "unknown-session", path="/reports", body=complaint(session="x")),
    "report for nothing": Bad(
        422, "invalid-body", path="/reports", body=complaint(reason="ugly"), detail="/reason"
    ),
    "report a novel": Bad(
        422, "invalid-body", path="/reports", body=complaint(details="x" * 2001), detail="2000"
    ),
    "register broken": Bad(400, "malformed-json", path="/users", body=b"}{"),
}


async def settled(stores: Stores) -> Census:
    """The census once nothing is on its way any more and two in a row are alike."""

    async def alike() -> Census:
        one = counted(await stores.census())
        two = counted(await stores.census())
        assert one == two
        assert two.rows["outbox"] == 0 and not any(two.messages.values())
        return two

    return await eventually(alike, deadline_s=15)


async def assert_no_trace(stores: Stores, before: Census) -> None:
    after = await settled(stores)
    assert after.rows == before.rows
    assert after.messages == before.messages
    assert sorted(after.keys - before.keys) == []


def counted(census: Census) -> Census:
    """Without what lives by itself: pulses each second, rate counters, the sweep's lock."""
    keys = frozenset(key for key in census.keys if not key.startswith(LIVING_KEYS))
    rows = {table: count for table, count in census.rows.items() if table != "pulses"}
    return Census(rows, keys, census.messages)


async def send(person: Person, bad: Bad) -> dict[str, Any]:
    """The problem document that answers, after checking its form."""
    headers = {
        "Authorization": f"Bearer {person.access_token}",
        "Content-Type": "application/json",
        **dict(bad.headers),
    }
    url = f"{person.gateways[0]}/api/v1{bad.path}"
    answer = await person.http.request(bad.method, url, content=bad.body, headers=headers)
    assert answer.status_code == bad.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"].rpartition("/")[2] == bad.code, problem
    assert problem["status"] == bad.status
    assert problem["title"] and problem["detail"]
    assert bad.detail in answer.text
    return problem


async def test_each_bad_call_is_refused_in_its_own_words_and_leaves_no_trace(
    stack: Stack, people: Crowd
) -> None:
    eve = await people.arrive("Eve", speaks("es", "en"))
    before = await settled(stack.stores)
    problems = {name: await send(eve, bad) for name, bad in BAD.items()}
    await assert_no_trace(stack.stores, before)
    titles = {problem["type"]: problem["title"] for problem in problems.values()}
    assert len(set(titles.values())) == len(titles)
    await eve.ask()  # And Eve herself is as welcome as before.


async def test_expired_tokens_are_told_from_bad_ones(stack: Stack, people: Crowd) -> None:
    eve = await people.newcomer("Eve", speaks("es", "en"))
    before = await settled(stack.stores)
    claims = jwt.decode(eve.access_token, options={"verify_signature": False})
    claims |= {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}
    eve.access_token = jwt.encode(claims, JWT_SECRET, algorithm="HS256")
    await send(eve, Bad(401, "expired-token"))
    eve.access_token = jwt.encode(claims | {"exp": 2**40}, "x" * 40, algorithm="HS256")
    await send(eve, Bad(401, "invalid-token"))
    eve.access_token = eve.refresh_token
    await send(eve, Bad(401, "invalid-token"))
    await assert_no_trace(stack.stores, before)


async def test_a_socket_from_a_foreign_page_is_refused_before_it_opens(
    stack: Stack, people: Crowd
) -> None:
    eve = await people.newcomer("Eve", speaks("es", "en"))
    before = await settled(stack.stores)
    url = eve.gateways[0].replace("http", "ws", 1) + "/api/v1/ws"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, origin=Origin(FOREIGN), subprotocols=[SUBPROTOCOL], proxy=None)
    assert refused.value.response.status_code == 403
    problem = msgspec.json.decode(refused.value.response.body or b"{}")
    assert problem.get("type", "").endswith("foreign-origin"), problem
    await assert_no_trace(stack.stores, before)


async def test_bad_calls_by_the_hundred_leave_no_trace_either(stack: Stack, people: Crowd) -> None:
    eves = [await people.newcomer("Eve", speaks("es", "en")) for _ in range(2)]
    before = await settled(stack.stores)
    for _ in range(3):
        await asyncio.gather(*(send(eve, bad) for eve in eves for bad in BAD.values()))
    await assert_no_trace(stack.stores, before)
