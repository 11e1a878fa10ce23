import asyncio
import logging

import pytest
from websockets.exceptions import InvalidStatus

from services.gateway.realtime.protocol import Error
from services.gateway.tests.realtime.world import World
from shared.config import Seconds
from shared.testing import eventually


async def test_hello_is_answered_with_the_whole_present_state(world: World) -> None:
    life = world.sessions.register()
    life.ask()
    async with world.socket(await world.gateway()) as socket:
        await socket.say(type="hello", token=world.token(life.user_id), id="h")
        frame = await socket.hear("welcome")
        assert (frame["id"], frame["version"], frame["request"]["request_id"]) == ("h", 2, "r1")
        assert frame["user"]["id"] == life.user_id and frame["session"] is None
        assert frame["limits"] == {"frame_bytes_max": 16384, "frames_per_s_max": 20}
        assert socket.connection.subprotocol == "parley.v1"


async def test_a_header_may_introduce_a_socket_instead_of_hello(world: World) -> None:
    life = world.sessions.register()
    header = {"Authorization": f"Bearer {world.token(life.user_id)}"}
    async with world.socket(await world.gateway(), additional_headers=header) as socket:
        await socket.hear("welcome")
        await socket.say(type="hello", id="again")
        assert (await socket.hear("welcome"))["id"] == "again"


async def test_ping_is_answered_and_unknown_frames_are_named(world: World) -> None:
    async with world.person(await world.gateway(), world.sessions.register()) as socket:
        await socket.silent()
        await socket.say(type="dance", id="d")
        error = await socket.hear("error")
        assert (error["code"], error["about"], error["id"]) == (
            "unknown-frame",
            {"type": "dance"},
            "d",
        )
        await socket.say(type="hello", token=5)
        assert (await socket.hear("error"))["code"] == "invalid-frame"
        await socket.silent()


@pytest.mark.parametrize(
    ("said", "code", "error"),
    [
        ('{"type": "hello", "token": "no.such.token"}', 4501, "invalid-token"),
        ('{"type": "hello"}', 4501, "missing-token"),
        ('{"type": "ping"}', 4501, "hello-first"),
        ('{"type": "dance"}', 4501, "hello-first"),
        ("hello", 4500, "bad-frame"),
    ],
)
async def test_who_is_not_introduced_is_told_why(
    world: World, said: str, code: int, error: str
) -> None:
    async with world.socket(await world.gateway()) as socket:
        await socket.connection.send(said)
        closed_with, [frame, goodbye] = await socket.closed()
        assert (closed_with, frame["code"]) == (code, error)
        assert goodbye == {"type": "goodbye", "action": "stop", "after_ms": 0}


async def test_who_says_nothing_is_closed_as_silent(world: World) -> None:
    async with world.socket(await world.gateway()) as socket:
        code, [goodbye] = await socket.closed()
        assert (code, goodbye["action"]) == (4009, "resume")


async def test_a_user_nobody_knows_is_not_authenticated(world: World) -> None:
    life = world.sessions.register()
    del world.sessions.lives[life.user_id]
    async with world.socket(await world.gateway()) as socket:
        await socket.say(type="hello", token=world.token(life.user_id))
        code, [error, goodbye] = await socket.closed()
        assert (code, error["code"], goodbye["action"]) == (4501, "unknown-user", "stop")


@pytest.mark.parametrize(("said", "code"), [("[1]", 4500), (b"\x00", 4500), ("x" * 40_000, 4513)])
async def test_what_is_no_frame_closes_the_socket(
    world: World, said: str | bytes, code: int
) -> None:
    async with world.person(await world.gateway(), world.sessions.register()) as socket:
        await socket.connection.send(said)
        assert (await socket.closed())[0] == code


async def test_a_megabyte_is_too_large_and_hears_so(world: World) -> None:
    async with world.person(await world.gateway(), world.sessions.register()) as socket:
        await socket.connection.send("x" * 1_000_000)
        assert (await socket.closed())[0] == 4513


async def test_too_many_frames_close_the_socket(world: World) -> None:
    running = await world.gateway(frames_burst_max=10, frames_per_s_max=1)
    async with world.person(running, world.sessions.register()) as socket:
        for _ in range(20):
            await socket.say(type="ping")
        code, said = await socket.closed()
        assert code == 4029 and len(said) <= 12
        assert said[-1] == {"type": "goodbye", "action": "resume", "after_ms": 1000}


@pytest.mark.parametrize(
    ("options", "status", "problem"),
    [
        ({"origin": "https://evil.example"}, 403, "foreign-origin"),
        ({"subprotocols": ["soap"]}, 400, "unknown-subprotocol"),
    ],
)
async def test_some_are_refused_before_the_handshake(
    world: World,
    options: dict[str, object],
    status: int,
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = await world.gateway()
    with pytest.raises(InvalidStatus) as refused:
        async with world.socket(running, **options):
            pass
    response = refused.value.response
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert f'"type":"/problems/{problem}"'.encode() in response.body
    assert b'"correlation_id":"' in response.body
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]


async def test_handshakes_count_against_the_limit_of_their_address(world: World) -> None:
    running = await world.gateway(limit_address_per_minute=2)
    for _ in range(2):
        async with world.socket(running):
            pass
    with pytest.raises(InvalidStatus) as refused:
        async with world.socket(running):
            pass
    response = refused.value.response
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert b'"type":"/problems/too-many-requests"' in response.body


async def test_a_localhost_page_may_connect_in_development(world: World) -> None:
    async with world.socket(await world.gateway(), origin="http://localhost:5173") as socket:
        await socket.say(type="ping")


async def test_there_are_only_so_many_sockets(world: World) -> None:
    running = await world.gateway(connections_max=1)
    async with world.person(running, world.sessions.register()):
        with pytest.raises(InvalidStatus) as refused:
            async with world.socket(running):
                pass
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["retry-after"] == "2"

    async def one_is_free_again() -> None:
        assert running.gateway.sockets.count == 0

    await eventually(one_is_free_again)


async def test_who_waits_is_told_so_until_it_is_over(world: World) -> None:
    life = world.sessions.register()
    running = await world.gateway()
    async with world.person(running, life) as socket:
        await running.hear(life.ask())
        for _ in range(2):
            frame = await socket.hear("match.waiting")
            assert frame["request_id"] == "r1" and frame["estimated_wait_s"] is None
        await running.hear(life.match())
        while (frame := await socket.next())["type"] == "match.waiting":
            pass
        assert frame["type"] == "match.found"
        with pytest.raises(TimeoutError):
            await socket.next(0.5)


async def test_a_talk_is_told_as_it_goes_on_and_whole_to_who_comes_back(world: World) -> None:
    life, running = world.sessions.register(), await world.gateway()
    life.ask()
    life.match()
    async with world.person(running, life) as socket:
        await running.hear(life.join())
        await socket.silent()
        await running.hear(life.join())
        connecting = await socket.hear("session.connecting")
        assert (connecting["generation"], connecting["session_id"]) == (2, "s2")
        await running.hear(life.connect())
        active = await socket.hear("session.active")
        assert active["turn"]["language"] == active["topics"]["language"] == "es"
        assert len(active["topics"]["prompts"]) == 3 and not active["topics"]["fallback"]
        await running.hear(life.turn())
        turn = await socket.hear("session.turn")
        assert turn["turn"]["number"] == 1 and turn["topics"]["language"] == "en"
    async with world.socket(running) as socket:
        await socket.say(type="hello", token=world.token(life.user_id))
        session = (await socket.hear("welcome"))["session"]
        assert (session["status"], session["generation"]) == ("active", 2)
        assert (session["turn"], session["topics"]) == (turn["turn"], turn["topics"])
        assert session["ice"]["ice_transport_policy"] == "all"
        await running.hear(life.join_again())
        assert (await socket.hear("session.active"))["generation"] == 3
        await running.hear(life.hang_up())
        ended = await socket.hear("session.ended")
        assert (ended["by_you"], ended["practised_s"]) == (False, 0)


async def test_a_client_that_reads_nothing_is_evicted(world: World) -> None:
    running = await world.gateway(
        send_timeout_s=Seconds(0.3), send_buffer_bytes=4096, frames_waiting_max=100_000
    )
    life = world.sessions.register()
    async with world.person(running, life, max_queue=1) as socket:
        connection = running.gateway.connections.get(life.user_id)
        assert connection is not None
        socket.connection.transport.pause_reading()
        for _ in range(60):
            connection.say(_large())
        for _ in range(2000):
            connection.say(_large())

        async def gone() -> None:
            assert running.gateway.connections.get(life.user_id) is None

        await eventually(gone)
        socket.connection.transport.abort()


async def test_a_client_that_asks_but_does_not_read_is_evicted(world: World) -> None:
    running = await world.gateway(frames_waiting_max=5)
    life = world.sessions.register()
    async with world.person(running, life) as socket:
        connection = running.gateway.connections.get(life.user_id)
        assert connection is not None
        for _ in range(10):
            connection.say(_large())
        assert (await socket.closed())[0] == 4008


async def test_a_client_that_answers_no_ping_is_closed_as_silent(world: World) -> None:
    running = await world.gateway(heartbeat_s=Seconds(0.1), heartbeat_timeout_s=Seconds(0.1))
    life = world.sessions.register()
    async with world.person(running, life) as socket:
        socket.connection.transport.pause_reading()

        async def gone() -> None:
            assert running.gateway.connections.get(life.user_id) is None

        await eventually(gone)
        socket.connection.transport.resume_reading()
        assert (await socket.closed())[0] == 4009


async def test_an_erased_user_is_closed_and_leaves_no_card(world: World) -> None:
    life = world.sessions.register()
    running = await world.gateway()
    async with world.person(running, life) as socket:
        await running.hear(life.erase())
        code, [error, goodbye] = await socket.closed()
        assert (code, error["code"], goodbye["action"]) == (4501, "unknown-user", "stop")
    await running.hear(life.states[0])
    card = await running.gateway.cards.read(life.user_id)
    assert card is not None and card.erased and card.state is None


async def test_at_a_stop_everybody_hears_goodbye_and_nobody_may_come(world: World) -> None:
    running = await world.gateway()
    lives = [world.sessions.register() for _ in range(3)]
    async with (
        world.person(running, lives[0]) as first,
        world.person(running, lives[1]) as second,
        world.person(running, lives[2]) as third,
    ):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(running.gateway.sockets.leave())
            for socket in (first, second, third):
                code, [goodbye] = await socket.closed()
                assert (code, goodbye["action"]) == (4000, "resume")
                assert 0 <= goodbye["after_ms"] <= 200
        with pytest.raises(InvalidStatus) as refused:
            async with world.socket(running):
                pass
        assert refused.value.response.status_code == 503


def _large() -> Error:
    return Error(code="large", message="x" * 10_000)
