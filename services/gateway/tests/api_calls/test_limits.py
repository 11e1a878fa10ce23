import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.gateway.api.limits import Charge, Limits
from services.gateway.api.settings import ApiSettings
from shared.config import Seconds
from shared.errors import Refused
from shared.memory import Memory, command
from shared.testing import eventually

NOBODY_LISTENS = "redis://127.0.0.1:1"


async def test_a_minutes_allowance_may_be_used_at_once_and_no_more(memory: Memory) -> None:
    limits, charge = Limits(memory, ApiSettings()), Charge("user", "u", 5)
    for _ in range(5):
        await limits.admit(charge)
    with pytest.raises(Refused) as caught:
        await limits.admit(charge)
    assert caught.value.code == "too-many-requests"
    assert 11 < float(caught.value.about["retry_after_s"]) <= 12
    await limits.admit(Charge("user", "another", 5))


async def test_what_rides_along_is_run_and_is_no_limit(memory: Memory) -> None:
    limits, charge = Limits(memory, ApiSettings()), Charge("user", "u", 1)
    besides = [command("INCRBY", "gateway:besides", 1_000_000)]
    await limits.admit(charge, besides=besides)
    with pytest.raises(Refused):
        await limits.admit(charge, besides=besides)
    assert await memory.run([command("GET", "gateway:besides")]) == [b"2000000"]


async def test_an_allowance_comes_back_evenly(memory: Memory) -> None:
    limits, charge = Limits(memory, ApiSettings()), Charge("user", "u", 600)
    for _ in range(600):
        await limits.admit(charge)

    async def admitted() -> None:
        try:
            await limits.admit(charge)
        except Refused:
            raise AssertionError("not yet") from None

    await eventually(admitted, deadline_s=1)


async def test_a_limit_forgets_who_has_not_called(memory: Memory) -> None:
    await Limits(memory, ApiSettings()).admit(Charge("user", "u", 60))
    [lifetime_ms] = await memory.run([command("PTTL", "gateway:limit:user:u")])
    assert 0 < lifetime_ms <= 1000


async def test_the_strictest_of_several_limits_tells_when_to_come_back(memory: Memory) -> None:
    limits = Limits(memory, ApiSettings())
    charges = (Charge("user", "u", 1000), Charge("address", "a", 1))
    await limits.admit(*charges)
    with pytest.raises(Refused) as caught:
        await limits.admit(*charges)
    assert caught.value.about["limit"] == "address"


async def test_without_redis_all_is_admitted_and_only_the_first_call_waits_for_it() -> None:
    now = 0.0
    memory = Memory.open(NOBODY_LISTENS, Seconds(1), 1)
    limits = Limits(memory, ApiSettings(), clock=lambda: now)
    await limits.admit(Charge("user", "u", 1))
    paused_until = limits._paused_until
    assert paused_until == 1.0
    await limits.admit(Charge("user", "u", 1))
    await memory.close()


async def test_calls_that_find_redis_gone_together_say_so_once_a_pause() -> None:
    now = 0.0
    memory = Memory.open(NOBODY_LISTENS, Seconds(1), 1)
    limits = Limits(memory, ApiSettings(), clock=lambda: now)
    with capture_logs() as lines:
        await asyncio.gather(*(limits.admit(Charge("user", "u", 1)) for _ in range(9)))
        now = 1.0
        await limits.admit(Charge("user", "u", 1))
    assert [(line["event"], line["left_out"]) for line in lines] == [
        ("limits.open", 0),
        ("limits.open", 8),
    ]
    await memory.close()


async def test_one_call_too_many_is_429_with_a_time_to_come_back(
    make_api: Callable[..., Any],
) -> None:
    api = make_api(limit_user_per_minute=2)
    for _ in range(2):
        assert (await api.call("POST", "/match/request", json={})).status_code == 202
    answer = await api.call("POST", "/match/request", json={})
    document = await api.refused(429, "too-many-requests", answer, asked=True)
    assert answer.headers["retry-after"] == "30"
    assert "retry_after_s" not in document
    assert len(api.asker.asked) == 2


async def test_registrations_have_a_limit_of_their_own(make_api: Callable[..., Any]) -> None:
    api = make_api(limit_registrations_per_minute=1)
    body = {
        "display_name": "Ana",
        "native_languages": ["es"],
        "practice_languages": [{"language": "en", "level": "B1"}],
    }
    assert (await api.client.post("/api/v1/users", json=body)).status_code == 201
    assert (await api.client.post("/api/v1/users", json=body)).status_code == 429
    assert (await api.client.get("/api/v1/languages")).status_code == 200


async def test_trying_tokens_is_limited_by_address(make_api: Callable[..., Any]) -> None:
    api = make_api(limit_address_per_minute=1)
    bad = {"Authorization": "Bearer nonsense"}
    await api.refused(401, "invalid-token", await api.client.get("/api/v1/blocks", headers=bad))
    answer = await api.client.get("/api/v1/blocks", headers=bad)
    await api.refused(429, "too-many-requests", answer)


def test_development_admits_a_thousand_registrations_a_minute_from_one_address() -> None:
    settings = ApiSettings()
    assert settings.limit_registrations_per_minute >= 1000
    assert settings.limit_address_per_minute >= 40 * 60 + 1000
