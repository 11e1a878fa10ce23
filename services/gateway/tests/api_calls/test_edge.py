import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.gateway.api.addresses import Addresses
from services.gateway.api.origins import allowed
from services.gateway.api.settings import ApiSettings
from shared.errors import Unavailable

PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}
PRODUCTION = ApiSettings(
    parley_env="production", jwt_secret=("s" * 32,), allowed_origins=("https://parley.example",)
)


@pytest.mark.parametrize(
    ("origin", "in_development", "in_production"),
    [
        (None, True, True),
        ("http://localhost:5173", True, False),
        ("https://127.0.0.1", True, False),
        ("http://[::1]:8080", True, False),
        ("https://parley.example", False, True),
        ("https://parley.example.evil", False, False),
        ("http://localhost:5173.evil", False, False),
        ("null", False, False),
        ("", False, False),
    ],
)
def test_which_origins_may_call(
    origin: str | None, in_development: bool, in_production: bool
) -> None:
    assert allowed(origin, ApiSettings()) is in_development
    assert allowed(origin, PRODUCTION) is in_production


async def test_a_preflight_from_localhost_is_granted(api: Any) -> None:
    headers = PREFLIGHT | {"Origin": "http://localhost:5173"}
    answer = await api.client.options("/api/v1/match/request", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]
    assert answer.headers["vary"] == "Origin"


async def test_a_preflight_of_a_foreign_page_is_403(api: Any) -> None:
    headers = PREFLIGHT | {"Origin": "https://evil.example"}
    answer = await api.client.options("/api/v1/match/request", headers=headers)
    await api.refused(403, "foreign-origin", answer)


async def test_answers_and_problems_are_readable_to_the_page_that_asked(api: Any) -> None:
    for path in ("/languages", "/nowhere"):
        headers = {"Origin": "http://localhost:5173"}
        answer = await api.client.get(f"/api/v1{path}", headers=headers)
        assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
        assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_every_answer_varies_by_origin_and_is_not_stored_or_sniffed(api: Any) -> None:
    answer = await api.client.get("/api/v1/queue/status")
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_plain_options_says_what_the_path_takes(api: Any) -> None:
    answer = await api.client.options("/api/v1/match/request")
    assert answer.status_code == 204
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE"}


async def test_head_is_get_without_a_body(api: Any) -> None:
    assert (await api.client.head("/api/v1/languages")).status_code == 200


async def test_a_callers_correlation_id_is_kept_if_it_is_one(api: Any) -> None:
    given = {"X-Correlation-Id": "trace-0123456789"}
    answer = await api.client.get("/api/v1/nowhere", headers=given)
    assert answer.headers["x-correlation-id"] == "trace-0123456789"
    assert answer.json()["correlation_id"] == "trace-0123456789"
    bad = {"X-Correlation-Id": "two words"}
    answer = await api.client.get("/api/v1/nowhere", headers=bad)
    assert answer.headers["x-correlation-id"] != "two words"


async def test_the_access_log_names_path_and_status_and_nothing_a_caller_typed(api: Any) -> None:
    with capture_logs() as logs:
        await api.call("GET", "/sessions?cursor=typed-by-somebody")
    [line] = [log for log in logs if log["event"] == "call.answered"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/sessions", 422)
    assert "typed-by-somebody" not in str(logs) and "Bearer" not in str(logs)


async def test_the_access_log_is_silent_about_the_web_clients_files(api: Any) -> None:
    with capture_logs() as logs:
        await api.client.get("/")
        await api.client.get("/nowhere.js")
    levels = {log["path"]: log["log_level"] for log in logs}
    assert levels == {"/": "debug", "/nowhere.js": "info"}


async def test_side_work_that_fails_by_the_hundred_is_one_line_and_a_fault_always_one(
    api: Any,
) -> None:
    async def fails(error: Exception) -> None:
        raise error

    with capture_logs() as logs:
        for _ in range(100):
            await api.parts.aside(fails(Unavailable("redis")), None)
        for _ in range(2):
            await api.parts.aside(fails(KeyError("a bug")), None)
    assert [(log["event"], "exc_info" in log) for log in logs] == [
        ("call.aside_failed", False),
        ("call.aside_failed", True),
        ("call.aside_failed", True),
    ]


async def test_the_probes_tell_alive_from_ready(api: Any) -> None:
    async def broken() -> None:
        raise ConnectionError("refused")

    async def well() -> None:
        pass

    api.ops.check("redis", well)
    assert (await api.client.get("/readyz")).status_code == 200
    api.ops.check("bus", broken)
    answer = await api.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"redis": "ok", "bus": "refused"}}
    assert (await api.client.get("/healthz")).status_code == 200


FORWARDED = "203.0.113.9, 198.51.100.7, 10.0.0.3"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "address"),
    [
        ((), "192.0.2.1", FORWARDED, "192.0.2.1"),
        (("10.0.0.0/8",), "192.0.2.1", FORWARDED, "192.0.2.1"),
        (("10.0.0.0/8",), "10.0.0.2", FORWARDED, "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.2", "nonsense", "10.0.0.2"),
        (("10.0.0.0/8",), "10.0.0.2", None, "10.0.0.2"),
        ((), "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ((), "::ffff:192.0.2.1", None, "192.0.2.1"),
        ((), None, None, "unknown"),
    ],
)
def test_the_address_is_the_sockets_or_what_a_trusted_proxy_saw(
    trusted: tuple[str, ...], peer: str | None, forwarded: str | None, address: str
) -> None:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": headers}
    assert Addresses(trusted).of(scope) == address


async def test_a_call_without_a_body_in_time_is_408(make_api: Callable[..., Any]) -> None:
    api = make_api(body_timeout_s=0.01)

    async def never() -> Any:
        await asyncio.Event().wait()
        yield b""

    headers = {"Content-Type": "application/json"}
    answer = await api.client.post("/api/v1/users", content=never(), headers=headers)
    await api.refused(408, "body-timeout", answer)


async def test_the_contract_is_served_and_its_problems_lead_to_their_explanation(api: Any) -> None:
    served = await api.client.get("/openapi.json")
    assert served.json()["openapi"] == "3.1.0" and "/api/v1/users" in served.json()["paths"]
    page = await api.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    explained = await api.client.get("/problems/no-request")
    assert (explained.status_code, explained.headers["location"]) == (
        302,
        "/docs#problem-no-request",
    )
    unknown = await api.client.get("/problems/no-such")
    await api.refused(404, "not-found", unknown)
