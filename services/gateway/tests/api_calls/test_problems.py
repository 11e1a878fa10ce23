import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shared.requests
from services.gateway.api.problems import PROBLEMS
from shared.memory import command
from shared.requests import CancelRequest

ANA: dict[str, Any] = {
    "display_name": "Ana",
    "native_languages": ["es"],
    "practice_languages": [{"language": "en", "level": "B1"}],
}
JSON = {"Content-Type": "application/json"}
FIELDS = [*ANA, "interests", "relay_only"]


def test_every_refusal_that_the_requests_promise_has_its_own_problem() -> None:
    source = Path(shared.requests.__file__).read_text()
    promises = re.findall(r"Refused: (.*?)(?:\"\"\"|\.\s)", source, re.DOTALL)
    codes = {code for promise in promises for code in re.findall(r"`([a-z]+-[a-z-]+)`", promise)}
    assert "request-pending" in codes
    assert codes <= PROBLEMS.keys()


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"display_name": 7}, "invalid-body", "/display_name"),
        ({"display_name": ""}, "invalid-body", "/display_name"),
        ({"display_name": None}, "invalid-body", "/display_name"),
        ({"display_name": "nul\x00"}, "invalid-body", "/display_name"),
        ({"native_languages": "es"}, "invalid-body", "/native_languages"),
        ({"native_languages": [1]}, "invalid-body", "/native_languages/0"),
        ({"practice_languages": ["en"]}, "invalid-body", "/practice_languages/0"),
        (
            {"practice_languages": [{"language": "en"}]},
            "invalid-body",
            "/practice_languages/0/level",
        ),
        (
            {"practice_languages": [{"language": "en", "level": "Z9"}]},
            "invalid-body",
            "/practice_languages/0/level",
        ),
        ({"interests": ["x" * 31]}, "invalid-body", "/interests/0"),
        ({"relay_only": "yes"}, "invalid-body", "/relay_only"),
        ({"admin": True}, "invalid-body", "/admin"),
        ({"native_languages": ["xx-invalid"]}, "unknown-language", None),
        ({"native_languages": ["und"]}, "unknown-language", None),
        ({"native_languages": [""]}, "unknown-language", None),
        ({"native_languages": []}, "no-languages", None),
        ({"practice_languages": []}, "no-languages", None),
        ({"native_languages": ["en"]}, "languages-overlap", None),
        ({"native_languages": ["es", "es-MX"]}, "duplicate-language", None),
        ({"native_languages": ["es"] * 200}, "too-many-languages", None),
    ],
)
async def test_a_wrong_body_is_told_and_names_the_field(
    api: Any, change: dict[str, Any], code: str, pointer: str | None
) -> None:
    answer = await api.client.post("/api/v1/users", json=ANA | change)
    document = await api.refused(PROBLEMS[code][0], code, answer)
    if pointer is not None:
        assert [error["pointer"] for error in document["errors"]] == [pointer]


@pytest.mark.parametrize("name", list(ANA))
async def test_a_missing_field_is_named(api: Any, name: str) -> None:
    body = {field: value for field, value in ANA.items() if field != name}
    document = await api.refused(
        422, "invalid-body", await api.client.post("/api/v1/users", json=body)
    )
    assert document["errors"][0]["pointer"] == f"/{name}"


@pytest.mark.parametrize(
    "change",
    [
        {"native_languages": ["xx-invalid"]},
        {"native_languages": []},
        {"native_languages": ["en"], "practice_languages": [{"language": "en", "level": "A1"}]},
        {"native_languages": ["es"] * 200},
        {"timeout": 3},
        {"timeout": "3"},
        {"timeout": "31m"},
        {"unheard_of": 1},
        [],
        "wish",
    ],
)
async def test_a_wrong_wish_is_refused_and_opens_nothing(api: Any, change: Any) -> None:
    answer = await api.call("POST", "/match/request", json=change)
    code = answer.json()["type"].removeprefix("/problems/")
    await api.refused(409 if code == "languages-overlap" else 422, code, answer)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff",
        b"{}{}",
        b"nul",
        b"[" * 16_000,
        b'{"display_name": 7,',
        b'{"display_name": "\\ud800"}',
    ],
)
async def test_what_is_no_json_is_400(api: Any, body: bytes) -> None:
    answer = await api.client.post("/api/v1/users", content=body, headers=JSON)
    await api.refused(400, "malformed-json", answer)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_another_content_type_is_415(api: Any, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await api.client.post("/api/v1/users", content=json.dumps(ANA), headers=headers)
    await api.refused(415, "unsupported-media-type", answer)


async def test_json_with_a_charset_is_json(api: Any) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = await api.client.post("/api/v1/users", content=json.dumps(ANA), headers=headers)
    assert answer.status_code == 201


async def test_a_body_of_a_megabyte_is_413_with_and_without_a_length(api: Any) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 16_384

    for body in (b" " * 1_048_576, chunks()):
        answer = await api.client.post("/api/v1/users", content=body, headers=JSON)
        await api.refused(413, "body-too-large", answer)
        assert answer.headers["connection"] == "close"


async def test_a_body_of_just_the_limit_is_read(api: Any) -> None:
    body = json.dumps(ANA).encode().ljust(16 * 1024)
    answer = await api.client.post("/api/v1/users", content=body, headers=JSON)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing-token"),
        ("", "missing-token"),
        ("Bearer", "missing-token"),
        ("Basic YTpi", "missing-token"),
        ("Bearer nonsense", "invalid-token"),
    ],
)
async def test_a_bad_token_is_401_with_a_challenge(
    api: Any, authorization: str | None, code: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await api.client.post("/api/v1/match/request", json={}, headers=headers)
    await api.refused(401, code, answer)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_expired_token_is_401_and_says_so(make_api: Callable[..., Any]) -> None:
    api = make_api(access_token_lifetime_s=-60)
    await api.refused(401, "expired-token", await api.call("POST", "/match/request", json={}))


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
async def test_a_foreign_origin_is_403_and_reads_nothing(api: Any, origin: str) -> None:
    answer = await api.call("POST", "/match/request", json={}, headers={"Origin": origin})
    await api.refused(403, "foreign-origin", answer)
    assert "access-control-allow-origin" not in answer.headers
    assert await api.memory.run([command("DBSIZE")]) == [0]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/users/me/", 404, "not-found"),
        ("PUT", "/users", 405, "method-not-allowed"),
        ("GET", "/tokens", 405, "method-not-allowed"),
        ("GET", "/ws", 426, "upgrade-required"),
        ("GET", "/sessions/nonsense", 404, "unknown-session"),
        ("PUT", "/blocks/nonsense", 404, "unknown-user"),
        ("DELETE", "/blocks/nonsense", 404, "unknown-user"),
        ("GET", "/sessions?limit=0", 422, "invalid-query"),
        ("GET", "/sessions?limit=101", 422, "invalid-query"),
        ("GET", "/sessions?limit=ten", 422, "invalid-query"),
        ("GET", "/sessions?cursor=nonsense", 422, "invalid-query"),
    ],
)
async def test_a_wrong_path_method_or_query_is_a_problem_too(
    api: Any, method: str, path: str, status: int, code: str
) -> None:
    await api.refused(status, code, await api.call(method, path))


async def test_a_socket_opened_by_a_plain_get_is_told_what_to_upgrade_to(api: Any) -> None:
    answer = await api.call("GET", "/ws")
    assert (answer.headers["upgrade"], answer.headers["connection"]) == ("websocket", "Upgrade")


async def test_a_405_names_every_method_of_the_path(api: Any) -> None:
    answer = await api.call("PUT", "/users/me")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH", "DELETE"}


async def test_a_programmers_error_is_500_and_leaks_nothing(api: Any) -> None:
    api.asker.script[CancelRequest] = ValueError("the secret of the house")
    answer = await api.call("DELETE", "/match/request")
    await api.refused(500, "internal", answer, asked=True)
    assert "secret" not in answer.text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from([*FIELDS, "timeout"]), values, max_size=6).map(json.dumps)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=bodies.map(str.encode) | st.binary(max_size=200), data=st.data())
async def test_no_body_whatsoever_is_a_500(api: Any, body: bytes, data: st.DataObject) -> None:
    calls = [
        ("POST", "/users"),
        ("PATCH", "/users/me"),
        ("POST", "/tokens"),
        ("POST", "/match/request"),
    ]
    method, path = data.draw(st.sampled_from(calls))
    answer = await api.call(method, path, content=body, headers=JSON)
    assert answer.status_code in (201, 202, 400, 422, 503)
    assert answer.json()
