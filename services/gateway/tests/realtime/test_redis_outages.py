from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from services.gateway.tests.realtime.world import World, world
from shared.errors import Unavailable
from shared.testing import eventually
from shared.tests.own_redis import OwnRedis


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("comes_back", ["as it was", "empty"])
async def test_sockets_outlive_redis_and_hear_what_happened_meanwhile(
    own_redis: OwnRedis, comes_back: str
) -> None:
    async with world(own_redis.url) as world_:
        await outlive(world_, own_redis, comes_back)


async def outlive(world: World, own_redis: OwnRedis, comes_back: str) -> None:
    first, second = await world.gateway(), await world.gateway()
    ana, ben = world.sessions.register(), world.sessions.register()
    ana.ask()
    async with world.person(first, ana) as anas:
        own_redis.stop()
        # The handler holds the event, but a socket here hears of it all the same.
        with pytest.raises(Unavailable):
            await first.hear(ana.match())
        assert await anas.heard("match.found")
        # Who comes now is welcomed with what sessions knows.
        async with world.person(second, ben) as bens:
            if comes_back == "empty":
                own_redis.forget()
            own_redis.start()

            async def taken() -> None:
                card = await second.gateway.cards.read(ben.user_id)
                assert card is not None and card.gateway == "gateway-2"

            await eventually(patiently(taken))
            await first.hear(ben.ask())
            await first.hear(ben.match(), ana.hang_up())
            await bens.heard("match.found")
            await anas.heard("session.ended")


def patiently(check: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """`check`, where a Redis that is not there yet is a reason to wait."""

    async def checked() -> None:
        try:
            await check()
        except Unavailable as error:
            raise AssertionError from error

    return checked
