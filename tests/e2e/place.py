"""Where people meet: a stack of this test run, or one that runs already and is only visited."""

import os
from typing import Any, Protocol

import asyncpg
from msgspec import Struct


class Records(Protocol):
    """What is read to see that a talk was recorded."""

    async def query(self, statement: str, *arguments: Any) -> list[asyncpg.Record]: ...


class Place(Struct, frozen=True):
    """The gateways' addresses, and the rows behind them."""

    urls: list[str]
    records: Records


class _Database(Struct, frozen=True):
    url: str

    async def query(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()


def visited() -> Place | None:
    """The running stack, if `make talk` named it; nothing in it is changed but by its visitors."""
    urls = os.environ.get("PARLEY_VISIT")
    if not urls:
        return None
    return Place(urls.split(","), _Database(os.environ["DATABASE_URL"]))
