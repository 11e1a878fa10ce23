import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.processes import Running, free_port, start
from deploy.local.servers import redis
from services.gateway.realtime.memory import Memory, Script, command
from services.gateway.tests.realtime.world import World, world
from shared.config import Seconds
from shared.errors import Unavailable
from shared.testing import eventually


@pytest_asyncio.fixture
async def memory(clean_redis_url: str) -> AsyncIterator[Memory]:
    opened = Memory.open(clean_redis_url, Seconds(1), 8)
    yield opened
    await opened.close()


async def test_scripts_and_commands_share_a_round_trip_and_answer_in_order(memory: Memory) -> None:
    release = Script.load("release")
    answers = await memory.run([command("GET", "nothing"), release.call(["k"], ["c"])])
    assert answers == [None, 0]


async def test_a_server_that_lost_the_scripts_is_given_them_again(memory: Memory) -> None:
    release = Script.load("release")
    await memory.run([release.call(["k"], ["c"])])
    await memory.run([command("SCRIPT", "FLUSH")])
    answers = await memory.run([release.call(["k"], ["c"]), command("ECHO", "after")])
    assert answers == [0, b"after"]


async def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    memory = Memory.open(f"redis://127.0.0.1:{free_port()}/0", Seconds(1), 8)
    with pytest.raises(Unavailable):
        await memory.ping()
    await memory.close()


async def test_a_server_that_says_nothing_is_unavailable_in_time() -> None:
    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        writer.close()

    async with await asyncio.start_server(never, "127.0.0.1", 0) as mute:
        port = mute.sockets[0].getsockname()[1]
        memory = Memory.open(f"redis://127.0.0.1:{port}/0", Seconds(0.2), 8)
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable):
            await memory.ping()
        assert asyncio.get_running_loop().time() - began < 1
        await memory.close()


async def test_more_callers_than_connections_wait_their_turn(memory: Memory) -> None:
    answers = await asyncio.gather(*(memory.run([command("ECHO", n)]) for n in range(100)))
    assert answers == [[str(n).encode()] for n in range(100)]


async def test_no_cancellation_is_lost(memory: Memory) -> None:
    """Cancelled at every point of a round trip, a caller ends; lost once, a stop would hang."""

    async def for_ever() -> None:
        while True:
            await memory.ping()

    for turns in range(200):
        calling = asyncio.create_task(for_ever())
        for _ in range(turns):
            await asyncio.sleep(0)
        calling.cancel()
        await asyncio.wait([calling], timeout=1)
        assert calling.cancelled()


class OwnRedis:
    """A server of this test's own, to be stopped and started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.running: Running | None = None

    def start(self) -> None:
        self.running = start(redis(self.directory, self.port))

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop()

    def forget(self) -> None:
        shutil.rmtree(self.directory)


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
