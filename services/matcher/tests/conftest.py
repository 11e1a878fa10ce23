"""A pool on real Redis, and settings that make tests quick."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from services.matcher.config import Settings
from services.matcher.pairing import Matchmaker
from services.matcher.pool.tickets import Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.sweep import Sweep
from shared.config import Seconds
from shared.memory import Memory
from shared.testing import RecordingPublisher


@pytest.fixture
def settings(clean_redis_url: str) -> Settings:
    """Small pages, so that the tests turn them."""
    return Settings(
        redis_url=clean_redis_url,
        pool_page_size=3,
        sweep_page_size=4,
        unpublished_after_s=Seconds(0),
    )


def opened(settings: Settings) -> Memory:
    return Memory.open(settings.redis_url, settings.redis_timeout_s, settings.redis_connections_max)


@pytest_asyncio.fixture
async def memory(settings: Settings) -> AsyncIterator[Memory]:
    memory = opened(settings)
    yield memory
    await memory.close()


@pytest_asyncio.fixture
async def pools(settings: Settings) -> AsyncIterator[list[Pool]]:
    """Four processes' ends of one pool."""
    async with AsyncExitStack() as stack:
        memories = [opened(settings) for _ in range(4)]
        for each in memories:
            stack.push_async_callback(each.close)
        yield [Pool(each, settings) for each in memories]


@pytest.fixture
def pool(memory: Memory, settings: Settings) -> Pool:
    return Pool(memory, settings)


@pytest.fixture
def upkeep(memory: Memory) -> Upkeep:
    return Upkeep(memory)


@pytest.fixture
def publisher() -> RecordingPublisher:
    return RecordingPublisher()


@pytest.fixture
def matchmaker(pool: Pool, publisher: RecordingPublisher, settings: Settings) -> Matchmaker:
    return Matchmaker(pool, publisher, settings)


@pytest.fixture
def sweep(
    pool: Pool,
    upkeep: Upkeep,
    matchmaker: Matchmaker,
    publisher: RecordingPublisher,
    settings: Settings,
) -> Sweep:
    return Sweep(pool, upkeep, matchmaker, publisher, settings, "matcher-test")
