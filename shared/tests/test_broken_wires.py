"""Everything at once over wires that keep breaking."""

import asyncio
import time
from functools import partial

import stamina
from aio_pika.abc import AbstractChannel

from shared.errors import Unavailable
from shared.events import PoolLost
from shared.identifiers import UserId
from shared.requests import GetVersions
from shared.testing import Proxy, eventually
from shared.tests.broker import Connect, count, has, is_up, lost

EVENTS, QUESTIONS, CUTS = 1000, 300, 5


async def test_nothing_is_lost_or_left_hanging_while_connections_are_cut(
    connect: Connect, channel: AbstractChannel, proxy: Proxy
) -> None:
    handled: set[str] = set()
    outcomes: list[object] = []

    async def handle(event: PoolLost) -> None:
        handled.add(event.event_id)

    async def versions(request: GetVersions) -> dict[UserId, int]:
        return dict.fromkeys(request.user_ids, 1)

    async def ask() -> None:
        try:
            answer = await gateway.ask(GetVersions(user_ids=(UserId("u1"),)))
            outcomes.append(answer)
        except Unavailable:
            outcomes.append(None)

    def has_progressed(part: int) -> None:
        assert len(handled) >= part * EVENTS // (CUTS + 1)

    matcher = await connect("matcher", url=proxy.url)
    gateway = await connect("gateway", url=proxy.url)
    sessions = await connect("sessions", url=proxy.url)
    await sessions.consume({PoolLost: handle})
    await sessions.answer({GetVersions: versions})
    events = [lost() for _ in range(EVENTS)]
    async with asyncio.TaskGroup() as tasks:
        publishing = [tasks.create_task(_insist(matcher.publish, event)) for event in events]
        for _ in range(QUESTIONS):
            tasks.create_task(ask())
        for cut in range(CUTS):
            await eventually(partial(has_progressed, cut), deadline_s=20)
            proxy.cut()
    assert len(publishing) == EVENTS
    assert len(outcomes) == QUESTIONS
    await eventually(partial(_assert_equal, handled, {event.event_id for event in events}))
    for bus in (matcher, gateway, sessions):
        await eventually(partial(is_up, bus))
    assert await gateway.ask(GetVersions(user_ids=(UserId("u1"),))) == {"u1": 1}
    began = time.monotonic()
    await sessions.close()
    assert time.monotonic() - began < 2, "something in hand hung on a lost connection"
    await eventually(partial(has, channel, "sessions.inbox", 0))
    assert await count(channel, "sessions.inbox.dead") == 0


async def _insist(publish, event: PoolLost) -> None:  # type: ignore[no-untyped-def]
    """As an outbox does: until it is confirmed, with a pause after each failure."""
    async for attempt in stamina.retry_context(on=Unavailable, attempts=None, timeout=60):
        with attempt:
            await publish(event)


def _assert_equal(left: object, right: object) -> None:
    assert left == right
