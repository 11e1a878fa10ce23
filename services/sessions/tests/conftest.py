"""Replicas of sessions on a fresh database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from services.sessions.app import assemble
from services.sessions.config import Settings
from services.sessions.store.database import Database
from services.sessions.tests.replica import Replica
from shared.testing import RecordingPublisher


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, database_connections_max=6)


async def replica_of(settings: Settings, stack: AsyncExitStack) -> Replica:
    database = await Database.connect(settings)
    stack.push_async_callback(database.close)
    tasks = await stack.enter_async_context(asyncio.TaskGroup())
    publisher = RecordingPublisher()
    parts = assemble(database, publisher, tasks, settings)
    return Replica(database=database, publisher=publisher, parts=parts, settings=settings)


@pytest_asyncio.fixture
async def sessions(settings: Settings) -> AsyncIterator[Replica]:
    async with AsyncExitStack() as stack:
        yield await replica_of(settings, stack)


@pytest_asyncio.fixture
async def replicas(settings: Settings) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two processes on one database."""
    async with AsyncExitStack() as stack:
        yield await replica_of(settings, stack), await replica_of(settings, stack)
