"""A world per test, on an empty Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from services.gateway.tests.realtime.world import World, world


@pytest_asyncio.fixture(name="world")
async def a_world(clean_redis_url: str) -> AsyncIterator[World]:
    """A task group must be left by the task that entered it; a fixture's two halves are two."""
    built: asyncio.Future[World] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def live() -> None:
        async with world(clean_redis_url) as one:
            built.set_result(one)
            await over.wait()

    living = asyncio.create_task(live())
    yield await built
    over.set()
    await living
