import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.api.settings import ApiSettings
from services.gateway.queue import KEY, QueueFigures
from shared.config import Seconds
from shared.errors import Unavailable
from shared.events import PairMeasured, PoolMeasured
from shared.memory import Memory, command

PAIRS = (
    PairMeasured(native="es", practice="en", waiting=1, recent_waits_s=(3, 4, 5)),
    PairMeasured(native="fr", practice="it", waiting=2),
)


def measured(age_s: float = 0, pairs: tuple[PairMeasured, ...] = PAIRS) -> PoolMeasured:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    return PoolMeasured(correlation_id="c", measured_at=at, pairs=pairs)


async def test_figures_are_shared_by_all_gateways(memory: Memory) -> None:
    figures = measured()
    await QueueFigures(memory, ApiSettings()).store(figures)
    read = await QueueFigures(memory, ApiSettings()).read()
    assert read is not None
    assert read.measured_at == figures.measured_at
    assert tuple(read.pairs.values()) == PAIRS
    assert list(read.pairs) == [("es", "en"), ("fr", "it")]


async def test_figures_of_a_matcher_that_is_gone_go_too(memory: Memory) -> None:
    figures = QueueFigures(memory, ApiSettings())
    await figures.store(measured(age_s=14))
    [lifetime_ms, _] = await memory.run([command("PTTL", KEY), command("DEL", KEY)])
    assert 0 < lifetime_ms <= 1000
    await figures.store(measured(age_s=16))
    assert await figures.read() is None


async def test_redis_is_looked_into_once_a_second(memory: Memory) -> None:
    now = 10.0
    figures = QueueFigures(memory, ApiSettings(), clock=lambda: now)
    assert await figures.read() is None
    await figures.store(measured())
    assert await figures.read() is None
    now = 11.0
    assert await figures.read() is not None


async def test_figures_are_put_in_order_once_for_all_who_read_them(memory: Memory) -> None:
    figures = QueueFigures(memory, ApiSettings(), clock=lambda: 10.0)
    await figures.store(measured())
    first = await figures.read()
    assert first is not None
    assert await figures.read() is first


async def test_redis_out_of_reach_is_unavailable_and_never_old_figures() -> None:
    memory = Memory.open("redis://127.0.0.1:1", Seconds(1), 1)
    figures = QueueFigures(memory, ApiSettings())
    with pytest.raises(Unavailable):
        await figures.read()
    assert await figures.read() is None
    with pytest.raises(Unavailable):
        await figures.store(measured())
    await memory.close()


async def test_a_redis_that_hangs_leaves_no_old_figures_behind(memory: Memory) -> None:
    now = 10.0
    figures = QueueFigures(memory, ApiSettings(), clock=lambda: now)
    await figures.store(measured())
    assert await figures.read() is not None
    now = 11.0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await figures.read()
    assert await figures.read() is None


async def test_the_status_lists_who_waits_and_for_how_long(api: Any) -> None:
    await api.figures.store(measured())
    body = (await api.client.get("/api/v1/queue/status")).json()
    assert body["waiting"] == 3
    assert body["pairs"] == [
        {"native": "fr", "practice": "it", "waiting": 2, "estimated_wait_s": None},
        {"native": "es", "practice": "en", "waiting": 1, "estimated_wait_s": 4.0},
    ]
    assert body["measured_at"].endswith("Z")


async def test_without_a_matcher_the_status_claims_nothing(api: Any) -> None:
    body = (await api.client.get("/api/v1/queue/status")).json()
    assert body == {"measured_at": None, "waiting": 0, "pairs": []}
