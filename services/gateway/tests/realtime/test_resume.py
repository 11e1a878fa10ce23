"""A socket goes on where the one before it stopped: nothing lost, nothing doubled."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

from services.gateway.realtime.streams import Entry
from services.gateway.tests.realtime.lives import Life
from services.gateway.tests.realtime.pairs import Pair, met, relayed, talking
from services.gateway.tests.realtime.world import Socket, World
from shared.identifiers import SessionId, UserId
from shared.memory import command

MANY = {"signals_burst_max": 10_000, "chats_burst_max": 10_000, "frames_burst_max": 10_000}


async def hello(
    world: World, socket: Socket, life: Life, last_offset: str | None
) -> dict[str, Any]:
    said = {"last_offset": last_offset} if last_offset is not None else {}
    await socket.say(type="hello", token=world.token(life.user_id), **said)
    return await socket.hear("welcome")


async def test_a_socket_lost_in_mid_flow_goes_on_at_the_other_gateway(world: World) -> None:
    gateways = [await world.gateway(tending=False, **MANY) for _ in range(2)]
    two = await met(world, gateways[0])
    rounds, dice = 40, random.Random(7)
    heard: list[str] = []
    async with AsyncExitStack() as stack:
        ana = await stack.enter_async_context(world.person(gateways[0], two.ana))
        offset = "0-0"
        said = asyncio.create_task(_speak(ana, two, rounds * 10))
        for n in range(rounds):
            async with world.socket(gateways[n % 2]) as ben:
                welcome = await hello(world, ben, two.ben, offset)
                assert welcome["recovered"] and welcome["offset"] == offset
                for _ in range(dice.randrange(12)):
                    [frame] = await relayed(ben, 1)
                    heard.append(_text(frame))
                    offset = frame["offset"]
                    if len(heard) == rounds * 10:
                        break
                # Whatever was on its way is lost with the socket.
                ben.connection.transport.abort()
                if len(heard) == rounds * 10:
                    break
        await said
        async with world.socket(gateways[0]) as ben:
            await hello(world, ben, two.ben, offset)
            heard += [_text(one) for one in await relayed(ben, rounds * 10 - len(heard))]
            await ben.silent()
    assert heard == [f"{n}" for n in range(rounds * 10)]


async def _speak(socket: Socket, two: Pair, count: int) -> None:
    for n in range(count):
        if n % 3:
            await socket.say(**two.signal(candidate={"candidate": f"{n}"}))
        else:
            await socket.say(**two.chat(f"{n}", f"{n}"))
        if n % 20 == 0:
            await socket.say(type="ping")
            while (await socket.next())["type"] != "pong":
                pass


def _text(frame: dict[str, Any]) -> str:
    text: str = frame["text"] if frame["type"] == "chat" else frame["candidate"]["candidate"]
    return text


async def test_a_speaker_who_moves_loses_nothing_that_was_told_back(world: World) -> None:
    gateways = [await world.gateway(tending=False, **MANY) for _ in range(2)]
    two = await met(world, gateways[0])
    confirmed: set[str] = set()
    async with world.person(gateways[1], two.ben) as ben:
        offset = "0-0"
        for n in range(30):
            async with world.socket(gateways[n % 2]) as ana:
                await hello(world, ana, two.ana, offset)
                # What was not told back is said again, as a page does that is not sure.
                for id in [str(one) for one in range(n + 1) if str(one) not in confirmed]:
                    await ana.say(**two.chat(id, id))
                if n % 3:
                    [frame] = await relayed(ana, 1)
                    confirmed.add(frame["id"])
                    offset = frame["offset"]
                ana.connection.transport.abort()
        async with world.socket(gateways[0]) as ana:
            await hello(world, ana, two.ana, offset)
            for id in [str(one) for one in range(30) if str(one) not in confirmed]:
                await ana.say(**two.chat(id, id))
            heard = [one["id"] for one in await relayed(ben, 30)]
            assert sorted(heard, key=int) == [f"{n}" for n in range(30)]
            await ben.say(type="ping")
            while (frame := await ben.next())["type"] != "pong":
                assert frame["type"] in ("peer.away", "peer.back")


async def test_who_names_no_offset_hears_what_comes_from_now_on(world: World) -> None:
    running = await world.gateway(tending=False)
    two = await met(world, running)
    async with world.person(running, two.ana) as ana:
        await ana.say(**two.chat("1"))
        offset = (await ana.hear("chat"))["offset"]
        async with world.socket(running) as ben:
            welcome = await hello(world, ben, two.ben, None)
            assert welcome["recovered"]
            await ben.silent()
            await ana.say(**two.chat("2"))
            [frame] = await relayed(ben, 1)
            assert frame["id"] == "2"
        async with world.socket(running) as ben:
            # The offset of that welcome is as good as that of a frame.
            again = await hello(world, ben, two.ben, welcome["offset"])
            assert again["recovered"] and (await ben.hear("chat"))["id"] == "2"
        async with world.socket(running) as ben:
            await hello(world, ben, two.ben, "0-0")
            assert [one["id"] for one in await relayed(ben, 2)] == ["1", "2"]
            await ben.say(type="hello", last_offset="0-0", id="h")
            again = await ben.hear("welcome")
            assert (again["id"], again["offset"]) == ("h", "0-0")
            assert [one["id"] for one in await relayed(ben, 2)] == ["1", "2"]
            await ben.say(type="hello")
            assert (await ben.hear("welcome"))["recovered"]
            await ben.silent()
        assert offset != "0-0"


async def test_what_was_trimmed_is_not_recovered(world: World) -> None:
    running = await world.gateway(tending=False, relay_length_max=3)
    two = await met(world, running)
    offsets = ["0-0"]
    async with world.person(running, two.ana) as ana:
        for n in range(6):
            await ana.say(**two.chat(f"{n}"))
            offsets.append((await ana.hear("chat"))["offset"])
    # Messages 3, 4 and 5 are left; who heard number 2 misses nothing.
    for heard, recovered in ((0, False), (2, False), (3, True), (5, True), (6, True)):
        async with world.socket(running) as ben:
            welcome = await hello(world, ben, two.ben, offsets[heard])
            assert welcome["recovered"] is recovered, heard
            left = [f"{n}" for n in range(max(3, heard), 6)]
            assert [one["id"] for one in await relayed(ben, len(left))] == left
            await ben.silent()


async def test_offsets_that_were_never_given_harm_nothing(world: World) -> None:
    running = await world.gateway(tending=False)
    two = await met(world, running)
    async with world.person(running, two.ana) as ana:
        await ana.say(**two.chat("1"))
        await ana.hear("chat")
        for offset in ("1-1", "99999999999999-0", "99999999999999999999-99999999999999999999"):
            async with world.socket(running) as ben:
                assert not (await hello(world, ben, two.ben, offset))["recovered"]
                if offset == "1-1":
                    await ben.hear("chat")
                await ben.silent()


async def test_a_slow_socket_hears_that_something_was_trimmed(world: World) -> None:
    """The stream went on by more than it keeps before this socket's turn came."""
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        relay = there.gateway.relay
        # mypy: methods are replaced on purpose, to be too late or to lose what they would tell.
        read, relay.read = relay.read, _nothing  # type: ignore[method-assign]
        for n in range(3):
            await ana.say(**two.chat(f"{n}"))
            await ana.hear("chat")
        await ben.silent()
        key = f"gateway:{{{two.session_id}}}:relay:{two.ben.user_id}"
        await here.memory.run([command("XTRIM", key, "MAXLEN", 1)])
        relay.read = read  # type: ignore[method-assign]
        relay.wake([two.ben.user_id])
        welcome = await ben.hear("welcome")
        assert not welcome["recovered"] and welcome["offset"] != "0-0"
        assert (await ben.hear("chat"))["id"] == "2"
        await ben.silent()


async def test_an_emptied_redis_ends_no_talk(world: World) -> None:
    here, there = await world.gateway(), await world.gateway()
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        await ana.say(**two.signal())
        await ben.hear("signal")
        await here.memory.run([command("FLUSHALL")])
        for socket, recovered in ((ana, True), (ben, False)):
            welcome = await socket.hear("welcome")
            assert welcome["session"]["session_id"] == two.session_id
            assert welcome["session"]["peer_away"] is False
            assert (welcome["recovered"], welcome["offset"]) == (recovered, "0-0")
        await ana.say(**two.signal(candidate={"candidate": "after"}))
        assert (await ben.hear("signal"))["candidate"] == {"candidate": "after"}
        await ben.say(**two.chat("1"))
        await ana.hear("chat")
        await ben.hear("chat")
        await ana.silent()
        await ben.silent()


async def test_a_session_that_follows_begins_with_its_own_first_frame(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        await ana.say(**two.chat("1"))
        await ben.hear("chat")
        await here.hear(*two.hang_up())
        await ben.hear("session.ended")
        await here.hear(*two.meet())
        await ben.hear("match.found")
        await ben.hear("session.connecting")
        await ana.say(**two.chat("1", "again"))
        assert (await ben.hear("chat"))["text"] == "again"


async def test_a_lost_ring_costs_no_more_than_a_round(world: World) -> None:
    here, there = await world.gateway(), await world.gateway()
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        # mypy: replaced on purpose, as above: both rings are lost.
        there.gateway.relay.wake = lambda user_ids: None  # type: ignore[method-assign]
        here.gateway.cards.ring_relayed = _nobody  # type: ignore[method-assign]
        await ana.say(**two.signal())
        await ben.hear("signal")


async def _nothing(session_id: SessionId, receiver: UserId, after: str) -> list[Entry]:
    return []


async def _nobody(user_id: UserId) -> None:
    pass
