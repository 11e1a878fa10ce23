"""Two gateways side by side, one Redis; sessions and the bus are fakes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from msgspec.json import encode

from services.gateway.realtime.connections import Connection
from services.gateway.tests.realtime.lives import Life
from services.gateway.tests.realtime.world import Running, World
from shared.config import Seconds
from shared.identifiers import ConnectionId, new_id
from shared.memory import command
from shared.testing import eventually


async def test_a_pair_on_two_gateways_hears_of_its_match_from_either(world: World) -> None:
    first, second = await world.gateway(tending=False), await world.gateway(tending=False)
    for hears in (first, second):
        ana, ben = world.sessions.register(), world.sessions.register()
        ana.ask(), ben.ask()
        async with world.person(first, ana) as anas, world.person(second, ben) as bens:
            await hears.hear(ana.match(), ben.match())
            assert (await anas.hear("match.found"))["request_id"] == "r1"
            assert (await bens.hear("match.found"))["session_id"] == "s2"
            # The same again, and something older: nothing is told.
            await hears.hear(ana.state, ben.state)
            await hears.hear(ana.states[1], ben.states[1])
            await anas.silent()
            await bens.silent()


async def test_news_that_come_at_once_are_told_as_one_difference(world: World) -> None:
    here, elsewhere = await world.gateway(tending=False), await world.gateway(tending=False)
    life = world.sessions.register()
    life.ask()
    async with world.person(here, life) as socket:
        states = [life.match(), life.hang_up(requeued=True), life.match()]
        for state in reversed(states):
            await elsewhere.hear(state)
        said = [await socket.next()]
        while said[-1]["type"] != "match.found" or said[-1]["request_id"] != "r3":
            said.append(await socket.next())
        assert [frame["type"] for frame in said][-2:] == ["session.ended", "match.found"]
        await socket.silent()


async def test_who_comes_back_is_welcomed_with_the_present_state(world: World) -> None:
    first, second = await world.gateway(), await world.gateway()
    life = world.sessions.register()
    life.ask()
    async with world.person(first, life) as socket:
        socket.connection.transport.abort()
    await first.hear(life.match())
    async with world.socket(second) as back:
        await back.say(type="hello", token=world.token(life.user_id))
        welcome = await back.hear("welcome")
        assert welcome["session"]["session_id"] == "s2" and welcome["request"] is None
        assert welcome["last_request"]["status"] == "matched"
        await back.silent()


async def test_a_newer_socket_replaces_the_older_wherever_it_is(world: World) -> None:
    first, second = await world.gateway(tending=False), await world.gateway(tending=False)
    life = world.sessions.register()
    async with (
        world.person(first, life) as oldest,
        world.person(first, life) as older,
        world.person(second, life) as newest,
    ):
        assert (await oldest.closed())[0] == 4509
        assert (await older.closed())[0] == 4509
        life.ask()
        await first.hear(life.match())
        await newest.hear("match.found")


@pytest.mark.parametrize("closed", [False, True])
async def test_a_socket_that_was_overtaken_on_its_way_comes_back_later(
    world: World, closed: bool
) -> None:
    """Also by one that closed since: what a smaller connection does counts for nothing."""
    running = await world.gateway(tending=False)
    life = world.sessions.register()
    later = Connection(ConnectionId("f" + new_id()[1:]), life.user_id, 9)
    await running.gateway.cards.take(later, life.state)
    if closed:
        assert await running.gateway.cards.release(later)
    async with world.socket(running) as socket:
        await socket.say(type="hello", token=world.token(life.user_id))
        code, [goodbye] = await socket.closed()
        assert (code, goodbye["action"]) == (4000, "resume")


async def test_what_was_never_told_is_loaded_by_the_next_refresh(world: World) -> None:
    life = world.sessions.register()
    life.ask()
    async with world.person(await world.gateway(), life) as socket:
        life.match()
        assert await socket.heard("match.found")


async def test_the_card_stands_in_while_sessions_is_silent(world: World) -> None:
    running = await world.gateway(tending=False)
    life = world.sessions.register()
    life.ask()
    await running.hear(life.match())
    world.sessions.silent = True
    async with world.socket(running) as socket:
        await socket.say(type="hello", token=world.token(life.user_id))
        assert (await socket.hear("welcome"))["session"]["session_id"] == "s2"
    stranger = world.sessions.register()
    async with world.socket(running) as socket:
        await socket.say(type="hello", token=world.token(stranger.user_id))
        assert (await socket.closed())[0] == 4000


async def test_a_card_older_than_what_was_told_does_not_stand_in(world: World) -> None:
    """The gateway that told it died before it wrote the card."""
    life = world.sessions.register()
    running = await world.gateway(tending=False)
    life.ask()
    await running.hear(life.state)
    token, told = world.token(life.user_id), life.state.version + 1
    world.sessions.silent = True
    async with world.socket(running) as socket:
        await socket.say(type="hello", token=token, last_version=told)
        code, [goodbye] = await socket.closed()
        assert (code, goodbye["action"]) == (4000, "resume")
    life.cancel()
    world.sessions.silent = False
    async with world.socket(running) as socket:
        await socket.say(type="hello", token=token, last_version=told)
        assert (await socket.hear("welcome"))["version"] == told
    # A record that was set back is the record all the same.
    async with world.socket(running) as socket:
        await socket.say(type="hello", token=token, last_version=told + 1)
        assert (await socket.hear("welcome"))["version"] == told


async def test_an_emptied_redis_is_filled_again_and_sockets_are_welcomed_afresh(
    world: World,
) -> None:
    first, second = await world.gateway(), await world.gateway()
    ana, ben = world.sessions.register(), world.sessions.register()
    ana.ask(), ben.ask()
    async with world.person(first, ana) as anas, world.person(second, ben) as bens:
        await first.memory.run([command("FLUSHDB")])
        for socket in (anas, bens):
            assert (await socket.heard("welcome"))["request"]["request_id"] == "r1"
        await first.hear(ana.match(), ben.match())
        await anas.heard("match.found")
        await bens.heard("match.found")
        card = await second.gateway.cards.read(ana.user_id)
        assert card is not None and card.state == ana.state


async def test_an_old_redis_is_brought_up_to_date(world: World) -> None:
    running = await world.gateway()
    life = world.sessions.register()
    old = life.ask()
    async with world.person(running, life) as socket:
        await running.hear(life.match())
        await socket.heard("match.found")
        key = f"gateway:{{{life.user_id}}}:card"
        await running.memory.run([command("DEL", key)])
        await running.gateway.cards.tell(old)
        assert (await socket.heard("welcome"))["version"] == life.state.version

        async def present() -> None:
            card = await running.gateway.cards.read(life.user_id)
            assert card is not None and card.state == life.state

        await eventually(present)


async def test_a_card_that_came_back_older_than_its_socket_is_told_again(world: World) -> None:
    running = await world.gateway()
    life = world.sessions.register()
    old = life.ask()
    async with world.person(running, life) as socket:
        await running.hear(life.match())
        await socket.heard("match.found")
        key = f"gateway:{{{life.user_id}}}:card"
        [owner] = await running.memory.run([command("HGET", key, "connection")])
        version, state = old.version, encode(old)
        await running.memory.run([command("HSET", key, "version", version, "state", state)])

        async def present() -> None:
            card = await running.gateway.cards.read(life.user_id)
            assert card is not None and card.state == life.state
            assert card.connection == owner.decode()

        await eventually(present)
        await socket.silent()


async def test_connected_means_that_some_gateway_holds_a_socket(world: World) -> None:
    first, second = await world.gateway(), await world.gateway()
    life = world.sessions.register()

    def connected(expected: bool) -> Callable[[], Awaitable[None]]:
        async def check() -> None:
            for running in (first, second):
                assert await running.gateway.cards.connected(life.user_id) is expected

        return check

    await connected(False)()
    async with world.person(first, life):
        await connected(True)()
    await eventually(connected(False))


async def test_a_door_that_nobody_keeps_is_not_rung(world: World) -> None:
    running = await world.gateway(tending=False)
    life = world.sessions.register()
    gone = Connection(ConnectionId(new_id()), life.user_id, 9)
    elsewhere = await world.gateway(tending=False)
    await elsewhere.gateway.cards.take(gone, life.state)
    await running.memory.run([command("DEL", "gateway:doorbell:gateway-2")])
    await running.hear(life.ask())
    assert await running.memory.run([command("EXISTS", "gateway:doorbell:gateway-2")]) == [0]


async def test_many_are_told_at_once_and_none_is_missed(world: World) -> None:
    first, second = await world.gateway(tending=False), await world.gateway(tending=False)
    lives = [world.sessions.register() for _ in range(40)]
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(world.person((first, second)[n % 2], life))
            for n, life in enumerate(lives)
        ]
        for life in lives:
            life.ask()
        pairs = zip(lives[::2], lives[1::2], strict=True)
        await asyncio.gather(*(_hear_pair(first, *pair) for pair in pairs))
        for socket in sockets:
            await socket.heard("match.found")
            await socket.silent()


async def _hear_pair(running: Running, one: Life, other: Life) -> None:
    await running.hear(one.match(), other.match())


async def test_a_card_keeps_the_newest_state_in_whatever_order_they_come(world: World) -> None:
    gateways = [await world.gateway(tending=False) for _ in range(2)]
    life = world.sessions.register()
    for _ in range(4):
        life.ask(), life.match(), life.hang_up()
    states = life.states[::-1] + life.states[1:-1]
    await asyncio.gather(*(gateways[n % 2].hear(state) for n, state in enumerate(states)))
    card = await gateways[0].gateway.cards.read(life.user_id)
    assert card is not None and card.state == life.state


async def test_an_equal_state_rings_again(world: World) -> None:
    here, elsewhere = await world.gateway(tending=False), await world.gateway(tending=False)
    life = world.sessions.register()
    async with world.person(here, life):
        for _ in range(2):
            await elsewhere.hear(life.state)
        rung = await here.memory.run([command("XLEN", "gateway:doorbell:gateway-1")])
        assert rung == [3]  # the first entry made the stream


async def test_a_card_expires_when_nobody_keeps_it(world: World) -> None:
    running = await world.gateway(tending=False, card_lifetime_s=Seconds(0.1))
    life = world.sessions.register()
    await running.hear(life.ask())

    async def gone() -> None:
        assert await running.gateway.cards.read(life.user_id) is None

    await eventually(gone)
