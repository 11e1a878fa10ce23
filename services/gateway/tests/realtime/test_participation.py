"""What a user does in a session reaches sessions, in the order said, or the user is told."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aio_pika
import pytest
import pytest_asyncio

from services.gateway.tests.realtime.lives import Life
from services.gateway.tests.realtime.world import Running, Socket, World
from shared import events
from shared.bus import Bus
from shared.domain import FailReason
from shared.errors import Unavailable
from shared.events import (
    AnyEvent,
    Participant,
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
)
from shared.testing import Proxy, RecordingPublisher, eventually
from shared.tests.broker import QUICK, is_up

KINDS: dict[str, type[Participant]] = {
    "session.join": ParticipantJoined,
    "session.decline": ParticipantDeclined,
    "session.connected": ParticipantConnected,
    "session.failed": ParticipantFailed,
    "session.leave": ParticipantLeft,
}


def matched(world: World) -> Life:
    life = world.sessions.register()
    life.ask()
    life.match()
    return life


async def do(socket: Socket, kind: str, **more: Any) -> None:
    reason = {"reason": "network"} if kind == "session.failed" else {}
    await socket.say(**({"type": kind, "session_id": "s2"} | reason | more))


def connection_of(running: Running, life: Life) -> str:
    connection = running.gateway.connections.get(life.user_id)
    assert connection is not None
    return connection.id


def only(published: list[AnyEvent]) -> AnyEvent:
    assert len(published) == 1
    return published[0]


class HeldPublisher(RecordingPublisher):
    """Confirms nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.begun = 0

    async def publish(self, *published: AnyEvent) -> None:
        self.begun += 1
        await self.go.wait()
        await super().publish(*published)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_thing_a_participant_does_becomes_an_event(world: World, kind: str) -> None:
    life, running = matched(world), await world.gateway()
    async with world.person(running, life) as socket:
        await do(socket, kind, id="1")

        event = await eventually(lambda: only(world.publisher.published))
        assert isinstance(event, KINDS[kind])
        assert (event.session_id, event.user_id) == ("s2", life.user_id)
        assert event.correlation_id == "r1"
        assert event.connection_id == connection_of(running, life)
        assert not isinstance(event, ParticipantFailed) or event.reason is FailReason.NETWORK
        await socket.silent()


async def test_sessions_hears_them_in_the_order_said(world: World, clean_amqp_url: str) -> None:
    bus = await Bus.connect(clean_amqp_url, "gateway")
    try:
        world.bus = bus
        running = await world.gateway()
        life = matched(world)
        said = ["session.join", "session.connected", "session.connected", "session.leave"] * 3
        async with world.person(running, life) as socket:
            for kind in said:
                await do(socket, kind)
            await socket.silent()
            heard = [await next_in_inbox(clean_amqp_url) for _ in said]
        assert [type(event) for event in heard] == [KINDS[kind] for kind in said]
    finally:
        await bus.close()


async def next_in_inbox(amqp_url: str) -> AnyEvent:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("sessions.inbox")

        async def got() -> bytes:
            message = await queue.get(no_ack=True, fail=False)
            assert message is not None
            return message.body

        return events.decode(await eventually(got))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_that_is_not_ones_own_is_refused_and_nothing_published(
    world: World, kind: str
) -> None:
    running = await world.gateway()
    matched(world)
    idle, busy, done = world.sessions.register(), world.sessions.register(), matched(world)
    busy.ask()
    busy.cancel()
    busy.ask()
    assert busy.match().session is not None and busy.live().session_id == "s3"
    done.hang_up()
    for stranger in (idle, busy, done):
        async with world.person(running, stranger) as socket:
            await do(socket, kind, id="1")
            error = await socket.hear("error")
            assert (error["code"], error["id"]) == ("unknown-session", "1")
            assert error["about"] == {"session_id": "s2"}
            await do(socket, kind, session_id="x" * 10_000)
            assert (await socket.hear("error"))["about"] == {"session_id": "x" * 64}
            await socket.silent()
    assert world.publisher.published == []


async def test_a_session_that_ended_meanwhile_is_refused(world: World) -> None:
    life, running = matched(world), await world.gateway()
    async with world.person(running, life) as socket:
        await running.hear(life.hang_up())
        await socket.hear("session.ended")
        await do(socket, "session.join")
        assert (await socket.hear("error"))["code"] == "unknown-session"
    assert world.publisher.published == []


@pytest_asyncio.fixture
async def proxy(clean_amqp_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(clean_amqp_url) as between:
        yield between


async def test_while_the_bus_is_down_everything_said_is_answered(
    world: World, proxy: Proxy, clean_amqp_url: str
) -> None:
    bus = await Bus.connect(proxy.url, "gateway", QUICK)
    try:
        world.bus = bus
        running = await world.gateway()
        async with world.person(running, matched(world)) as socket:
            await proxy.refuse()
            for number, kind in enumerate(KINDS):
                await do(socket, kind, id=str(number))
            for number, kind in enumerate(KINDS):
                error = await socket.hear("error")
                assert (error["code"], error["id"]) == ("unavailable", str(number))
                assert error["about"] == {"type": kind, "retry_after_s": "2"}
            await proxy.accept()
            await eventually(partial(is_up, bus))
            await do(socket, "session.join")
            await socket.silent()
        assert isinstance(await next_in_inbox(clean_amqp_url), ParticipantJoined)
    finally:
        await bus.close()


async def test_a_slow_bus_holds_up_nothing_else_and_a_bounded_number(world: World) -> None:
    world.bus = publisher = HeldPublisher()
    running = await world.gateway(participations_waiting_max=3)
    async with world.person(running, matched(world)) as socket:
        for number in range(5):
            await do(socket, "session.connected", id=str(number))
        for number in (3, 4):
            error = await socket.hear("error")
            assert (error["code"], error["id"]) == ("unavailable", str(number))
        await socket.silent()
        assert publisher.begun == 1
        publisher.go.set()

        await do(socket, "session.leave")

        def published() -> None:
            assert len(publisher.of(ParticipantConnected)) == 3
            assert len(publisher.of(ParticipantLeft)) == 1

        await eventually(published)
        await socket.silent()


async def test_what_was_said_last_is_published_while_the_socket_closes(world: World) -> None:
    world.bus = publisher = HeldPublisher()
    life, running = matched(world), await world.gateway()
    async with world.person(running, life) as socket:
        await do(socket, "session.connected")
        await do(socket, "session.leave")

    def begun() -> None:
        assert publisher.begun == 1

    await eventually(begun)
    publisher.go.set()

    def published() -> None:
        assert [type(event) for event in publisher.published] == [
            ParticipantConnected,
            ParticipantLeft,
        ]
        assert running.gateway.sockets.count == 0

    await eventually(published)


async def test_what_follows_a_failure_does_not_overtake_it(world: World) -> None:
    world.bus = publisher = HeldPublisher()
    running = await world.gateway()
    async with world.person(running, matched(world)) as socket:
        for kind in ("session.join", "session.leave"):
            await do(socket, kind, id=kind)
        await socket.silent()
        publisher.failing = Unavailable("rabbitmq", retry_after_s=1.5)
        publisher.go.set()
        for kind in ("session.join", "session.leave"):
            error = await socket.hear("error")
            assert (error["code"], error["id"]) == ("unavailable", kind)
            assert error["about"] == {"type": kind, "retry_after_s": "1.5"}
    assert (publisher.begun, publisher.published) == (1, [])


async def test_what_is_left_out_is_named(world: World) -> None:
    async with world.person(await world.gateway(), matched(world)) as socket:
        for frame in ({"type": "session.join"}, {"type": "session.failed", "session_id": "s2"}):
            await socket.say(**frame)
            error = await socket.hear("error")
            assert (error["code"], error["about"]) == ("invalid-frame", {"type": frame["type"]})
        await do(socket, "session.failed", reason="bored")
        assert (await socket.hear("error"))["code"] == "invalid-frame"
    assert world.publisher.published == []
