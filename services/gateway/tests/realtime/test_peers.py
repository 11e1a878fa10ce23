"""Whether the partner has a socket: told once when that changes, wherever the sockets are."""

import asyncio

from services.gateway.tests.realtime.pairs import met, pair, talking
from services.gateway.tests.realtime.world import Running, World
from shared.config import Seconds
from shared.memory import command


async def test_a_lost_socket_and_its_return_are_told_once(world: World) -> None:
    here, there = await world.gateway(), await world.gateway()
    for at in (here, there):
        two = await met(world, here)
        async with world.person(here, two.ana) as ana:
            for _ in range(2):
                async with world.person(at, two.ben) as ben:
                    assert await ana.hear("peer.back") == {
                        "type": "peer.back",
                        "session_id": two.session_id,
                    }
                    ben.connection.transport.abort()
                    assert await ana.hear("peer.away") == {
                        "type": "peer.away",
                        "session_id": two.session_id,
                    }
            await _rounds(here, there)
            await ana.silent()


async def test_it_is_told_without_waiting_for_a_round(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with world.person(here, two.ana) as ana:
        async with world.person(there, two.ben):
            await ana.hear("peer.back")
        await ana.hear("peer.away")


async def test_a_welcome_says_whether_the_partner_is_away(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with world.socket(here) as ana:
        await ana.say(type="hello", token=world.token(two.ana.user_id))
        assert (await ana.hear("welcome"))["session"]["peer_away"] is True
        async with world.socket(there) as ben:
            await ben.say(type="hello", token=world.token(two.ben.user_id))
            assert (await ben.hear("welcome"))["session"]["peer_away"] is False
            await ben.silent()
            await ana.hear("peer.back")
            await ana.say(type="hello")
            assert (await ana.hear("welcome"))["session"]["peer_away"] is False
            await ana.silent()


async def test_a_partner_whose_gateway_died_is_away_when_its_lifetime_is_over(
    world: World,
) -> None:
    # A gateway that dies releases nothing and refreshes nothing: so does one that is not tended.
    lifetime_s = Seconds(0.5)
    here = await world.gateway(owner_lifetime_s=lifetime_s)
    there = await world.gateway(tending=False, owner_lifetime_s=lifetime_s)
    two = await met(world, here)
    began = asyncio.get_running_loop().time()
    async with talking(world, two, here, there) as (ana, ben):
        await ana.hear("peer.away")
        assert asyncio.get_running_loop().time() - began > 0.4
        await _rounds(here)
        await ana.silent()
        # The client finds another gateway.
        async with world.person(here, two.ben):
            await ana.hear("peer.back")
            await ana.silent()
        await ben.closed()


async def test_a_socket_that_moves_is_never_away(world: World) -> None:
    here, there = await world.gateway(), await world.gateway()
    two = await met(world, here)
    async with (
        talking(world, two, here, there) as (ana, ben),
        world.person(here, two.ben) as moved,
        world.person(there, two.ben),
    ):
        for replaced in (ben, moved):
            assert (await replaced.closed())[0] == 4509
        await _rounds(here, there)
        await ana.silent()


async def test_a_new_match_with_somebody_who_has_no_socket_says_so(world: World) -> None:
    here = await world.gateway()
    two = pair(world)
    async with world.person(here, two.ana) as ana:
        await here.hear(*two.match())
        await ana.hear("match.found")
        await ana.hear("peer.away")
        await here.hear(*two.hang_up())
        await ana.hear("session.ended")
        async with world.person(here, two.ben):
            await ana.silent()
        # Of another session it is told anew.
        await here.hear(*two.match())
        await ana.hear("match.found")
        await ana.hear("peer.away")


async def test_after_redis_was_emptied_nobody_is_called_away_who_is_not(world: World) -> None:
    here, there = await world.gateway(), await world.gateway()
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        for _ in range(5):
            await here.memory.run([command("FLUSHALL")])
            for socket in (ana, ben):
                assert (await socket.hear("welcome"))["session"]["peer_away"] is False
        await _rounds(here, there)
        await ana.silent()
        await ben.silent()


async def _rounds(*gateways: Running) -> None:
    """Whatever some rounds would tell is told."""
    for _ in range(3):
        for running in gateways:
            await running.gateway.refresh.keep_cards()
