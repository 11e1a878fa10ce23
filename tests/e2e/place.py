"""Where people meet: a stack of this test run, or one that runs already and is only visited."""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
from msgspec import Struct

Query = Callable[..., Awaitable[list[asyncpg.Record]]]


class Place(Struct, frozen=True):
    """The gateways' addresses; `query` takes a statement and its arguments."""

    urls: list[str]
    query: Query


def visited() -> Place | None:
    """The running stack, if `make talk` named it; nothing in it is changed but by its visitors."""
    urls = os.environ.get("PARLEY_VISIT")
    return Place(urls.split(","), partial(_query, os.environ["DATABASE_URL"])) if urls else None


async def _query(database_url: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()
