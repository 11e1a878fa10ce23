"""A pool on real Redis, and settings that make tests quick."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.matcher.config import Settings
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
def sweep(pool: Pool, upkeep: Upkeep, publisher: RecordingPublisher, settings: Settings) -> Sweep:
    return Sweep(pool, upkeep, publisher, settings, "matcher-test")
