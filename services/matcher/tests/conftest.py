"""A pool on real Redis, and settings that make tests quick."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from services.matcher.config import Settings
from services.matcher.pairing import Matchmaker
from services.matcher.pool.connection import Connection
from services.matcher.pool.tickets import Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.sweep import Sweep
from shared.config import Seconds
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


@pytest_asyncio.fixture
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    connection = await Connection.connect(settings)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def pools(settings: Settings) -> AsyncIterator[list[Pool]]:
    """Four processes' ends of one pool."""
    async with AsyncExitStack() as stack:
        connections = [await Connection.connect(settings) for _ in range(4)]
        for each in connections:
            stack.push_async_callback(each.close)
        yield [Pool(each, settings) for each in connections]


@pytest.fixture
def pool(connection: Connection, settings: Settings) -> Pool:
    return Pool(connection, settings)


@pytest.fixture
def upkeep(connection: Connection) -> Upkeep:
    return Upkeep(connection)


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
