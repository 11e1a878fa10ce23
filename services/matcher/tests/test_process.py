"""Whole matcher processes between a real broker and a real Redis."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import pytest_asyncio

from deploy.local.processes import free_port
from services.matcher.tests.people import ticket
from shared.bus import Bus
from shared.domain import Ticket
from shared.events import AnyEvent, MatchFound, PoolLost, PoolMeasured, TicketOpened
from shared.testing import eventually

STARTED_WITHIN_S = 15.0


class Neighbours:
    """sessions and the gateway, as far as the matcher can tell: they ask and remember."""

    def __init__(self, sessions: Bus) -> None:
        self._sessions = sessions
        self.heard: list[AnyEvent] = []

    async def hear(self, event: AnyEvent) -> None:
        self.heard.append(event)

    async def open(self, *tickets: Ticket) -> None:
        events = [TicketOpened(correlation_id=each.request_id, ticket=each) for each in tickets]
        await self._sessions.publish(*events)

    @property
    def matches(self) -> dict[str, MatchFound]:
        return {event.match_id: event for event in self.heard if isinstance(event, MatchFound)}

    async def has_heard(self, kind: type[AnyEvent]) -> None:
        await eventually(lambda: self._check(kind), STARTED_WITHIN_S)

    def _check(self, kind: type[AnyEvent]) -> None:
        assert any(isinstance(event, kind) for event in self.heard)


@pytest_asyncio.fixture
async def neighbours(clean_amqp_url: str) -> AsyncIterator[Neighbours]:
    sessions = await Bus.connect(clean_amqp_url, "sessions")
    gateway = await Bus.connect(clean_amqp_url, "gateway")
    neighbours = Neighbours(sessions)
    await sessions.consume({MatchFound: neighbours.hear, PoolLost: neighbours.hear})
    await gateway.consume({PoolMeasured: neighbours.hear})
    yield neighbours
    await gateway.close()
    await sessions.close()


@pytest_asyncio.fixture
async def matchers(
    clean_amqp_url: str, clean_redis_url: str
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Two processes that say they are ready."""
    ports = [free_port(), free_port()]
    environment = {
        "AMQP_URL": clean_amqp_url,
        "REDIS_URL": clean_redis_url,
        "MATCHING_INTERVAL": "500ms",
        "LOG_LEVEL": "warning",
    }
    running = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.matcher"),
            env={**os.environ, **environment, "MATCHER_OPS_PORT": str(port)},
        )
        for port in ports
    ]
    try:
        for port in ports:
            await eventually(partial(check_ready, port), STARTED_WITHIN_S)
        yield running
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def check_ready(port: int) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        raise AssertionError from error
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: matcher\r\n\r\n")
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b"200" in status


async def test_matchers_side_by_side_pair_everybody_once_though_one_is_killed(
    neighbours: Neighbours, matchers: list[asyncio.subprocess.Process]
) -> None:
    sides = (("es", "en"), ("en", "es"))
    crowd = [ticket(*languages, waited_s=2) for _ in range(100) for languages in sides]
    await neighbours.open(*crowd[:100])
    matchers[0].kill()
    await neighbours.open(*crowd[100:], *crowd[:30])

    def everybody_is_paired() -> None:
        assert len(neighbours.matches) == len(crowd) // 2

    await eventually(everybody_is_paired, deadline_s=30)
    claimed = Counter(side.request_id for m in neighbours.matches.values() for side in m.sides)
    assert claimed == Counter(each.request_id for each in crowd)


async def test_a_matcher_tells_of_an_unknown_redis_measures_and_stops_cleanly(
    neighbours: Neighbours, matchers: list[asyncio.subprocess.Process]
) -> None:
    await neighbours.open(ticket("es", "en"))
    await neighbours.has_heard(PoolLost)
    await neighbours.has_heard(PoolMeasured)
    for process in matchers:
        process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert [await process.wait() for process in matchers] == [0, 0]
