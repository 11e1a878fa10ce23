"""Traces that end with a frame or begin with one, and the id that a socket's lines have."""

from collections.abc import Iterator

import pytest

from services.gateway.tests.realtime.world import World
from shared import tracing
from shared.errors import Unavailable
from shared.identifiers import is_id
from shared.testing import eventually
from shared.tests.collector import Collector, traced
from shared.tests.lines import Lines, lines_written


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with traced("gateway", monkeypatch) as collector:
        yield collector


@pytest.fixture
def lines() -> Iterator[Lines]:
    with lines_written() as lines:
        yield lines


async def test_a_trace_ends_with_the_frames_on_whatever_gateway_the_sockets_are(
    world: World, collector: Collector
) -> None:
    here, elsewhere = await world.gateway(tending=False), await world.gateway(tending=False)
    ana, ben = world.sessions.register(), world.sessions.register()
    ana.ask(), ben.ask()
    async with world.person(here, ana) as anas, world.person(elsewhere, ben) as bens:
        with tracing.began("handle state.changed"):
            await here.hear(ana.match(), ben.match())
        await anas.hear("match.found")
        await bens.hear("match.found")
    tracing.stop()
    root = collector.one("handle state.changed")
    told = collector.named("send match.found")
    assert {span.attributes["parley.user_id"] for span in told} == {ana.user_id, ben.user_id}
    assert {(span.trace_id, span.parent_id) for span in told} == {(root.trace_id, root.span_id)}
    assert collector.one("redis tell").parent_id == root.span_id


async def test_a_frame_is_told_in_the_trace_of_the_state_it_tells(
    world: World, collector: Collector
) -> None:
    running = await world.gateway(tending=False)
    life = world.sessions.register()
    async with world.person(running, life) as socket:
        ids = []
        for state in (life.ask(), life.match()):
            with tracing.began("change"):
                await running.hear(state)
                ids.append(tracing.trace_id())
        await socket.heard("match.found")
        await running.hear(life.hang_up())
        await socket.heard("session.ended")
    tracing.stop()
    assert collector.one("send match.found").trace_id == ids[1]
    assert collector.named("send session.ended") == [], "nobody traced what ended it"


async def test_what_a_participant_says_begins_a_trace_that_goes_out_with_the_event(
    world: World, collector: Collector
) -> None:
    life = world.sessions.register()
    life.ask(), life.match()
    async with world.person(await world.gateway(), life) as socket:
        await socket.say(type="session.join", session_id="s2")

        def published() -> None:
            assert len(world.publisher.traces) == 1

        await eventually(published)
    tracing.stop()
    heard = collector.one("hear session.join")
    assert world.publisher.traces[0].split("-")[1:3] == [heard.trace_id, heard.span_id]
    assert heard.attributes["parley.correlation_id"] == "r1"
    assert heard.parent_id == ""


async def test_the_lines_and_errors_of_a_socket_have_its_correlation_id(
    world: World, lines: Lines
) -> None:
    life = world.sessions.register()
    life.ask(), life.match()
    async with world.person(await world.gateway(), life) as socket:
        await socket.say(type="dance")
        unknown = await socket.hear("error")
        await socket.say(type="session.join", session_id="s9")
        refused = await socket.hear("error")
        world.publisher.failing = Unavailable("rabbitmq")
        await socket.say(type="session.join", session_id="s2")
        unavailable = await socket.hear("error")
        await socket.say(type="chat", session_id="s9", id="c", text="Hola")
        chat = await socket.hear("error")
    [id] = {one["correlation_id"] for one in (unknown, refused, unavailable, chat)}
    assert is_id(id)
    mine = {line["event"]: line for line in lines if line.get("correlation_id") == id}
    assert {"socket.opened", "participation.unavailable"} <= set(mine)
    assert {line["user_id"] for line in mine.values()} == {life.user_id}


async def test_who_is_sent_away_hears_the_correlation_id_of_the_lines_that_say_so(
    world: World, lines: Lines
) -> None:
    async with world.socket(await world.gateway()) as socket:
        await socket.say(type="hello", token="no.such.token")
        _, [error, _] = await socket.closed()

    def closed() -> Lines:
        found = [line for line in lines if line["event"] == "socket.closed"]
        assert found
        return found

    [line] = await eventually(closed)
    assert line["correlation_id"] == error["correlation_id"]
    assert line["code"] == 4501
