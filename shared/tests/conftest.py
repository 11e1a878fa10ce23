"""Buses on a real broker, and a plain channel beside them to look behind their backs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aio_pika
import pytest
import pytest_asyncio
import stamina
from aio_pika.abc import AbstractChannel

from shared import events
from shared.bus import Bus
from shared.config import BusSettings
from shared.events import AnyEvent
from shared.testing import Proxy
from shared.tests.broker import QUICK, Connect


@pytest.fixture(scope="session", autouse=True)
def _silent_retries() -> None:
    """As `shared.logging` has it; thousands of lines would slow the tests down."""
    stamina.instrumentation.set_on_retry_hooks([])


@pytest_asyncio.fixture
async def connect(clean_amqp_url: str) -> AsyncIterator[Connect]:
    """Connects a bus: `await connect("matcher")`; `url` and `settings` may be given."""
    async with AsyncExitStack() as stack:

        async def connect_bus(
            service: str, url: str = clean_amqp_url, settings: BusSettings = QUICK
        ) -> Bus:
            bus = await Bus.connect(url, service, settings)
            stack.push_async_callback(bus.close)
            return bus

        yield connect_bus


@pytest_asyncio.fixture
async def channel(clean_amqp_url: str) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(clean_amqp_url) as connection:
        yield await connection.channel(on_return_raises=True)


@pytest_asyncio.fixture
async def proxy(clean_amqp_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(clean_amqp_url) as between:
        yield between


@pytest.fixture(scope="session")
def golden() -> dict[str, AnyEvent]:
    """One sample of every event, by type."""
    samples = Path(__file__).parent.joinpath("golden").glob("*.json")
    return {path.stem: events.decode(path.read_bytes()) for path in samples}
