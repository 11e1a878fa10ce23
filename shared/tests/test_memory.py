import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from redis.exceptions import ResponseError

from deploy.local.processes import free_port
from shared.config import Seconds
from shared.errors import Unavailable
from shared.memory import Memory, Script, command
from shared.proxy import Proxy
from shared.testing import Rise
from shared.tests.own_redis import OwnRedis

SOURCE = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
ADD = Script(SOURCE, hashlib.sha1(SOURCE.encode()).hexdigest())


@pytest_asyncio.fixture
async def memory(clean_redis_url: str) -> AsyncIterator[Memory]:
    opened = Memory.open(clean_redis_url, Seconds(1), 8)
    yield opened
    await opened.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def mute_url(clean_redis_url: str) -> AsyncIterator[str]:
    """Where somebody listens who never says anything."""
    async with Proxy(clean_redis_url) as proxy:
        proxy.hold()
        yield proxy.url


async def test_scripts_and_commands_answer_in_order(memory: Memory) -> None:
    await memory.run([ADD.call(["known"], [1])])
    answers = await memory.run([command("GET", "k"), ADD.call(["k"], [2]), command("GET", "k")])
    assert answers == [None, 2, b"2"]


async def test_nothing_to_say_is_no_round_trip() -> None:
    memory = Memory.open(f"redis://127.0.0.1:{free_port()}/0", Seconds(1), 8)
    assert await memory.run([]) == []


async def test_a_server_that_lost_the_scripts_is_given_them_again(memory: Memory) -> None:
    await memory.run([ADD.call(["k"], [1])])
    await memory.run([command("SCRIPT", "FLUSH")])
    answers = await memory.run([ADD.call(["k"], [1]), command("ECHO", "after")])
    assert answers == [2, b"after"]


async def test_a_script_is_read_from_the_folder_of_its_keys_keeper() -> None:
    script = Script.load("services.matcher", "close")
    assert script.sha1 == hashlib.sha1(script.source.encode()).hexdigest()
    assert "tombstone" in script.source


async def test_a_fault_in_a_script_is_no_outage(memory: Memory) -> None:
    with pytest.raises(ResponseError, match="not an integer"):
        await memory.run([ADD.call(["k"], ["one"])])


async def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    memory = Memory.open(f"redis://127.0.0.1:{free_port()}/0", Seconds(5), 8)
    async with asyncio.timeout(2):
        with pytest.raises(Unavailable):
            await memory.ping()
    await memory.close()


async def test_a_server_that_says_nothing_is_unavailable_in_time(mute_url: str) -> None:
    memory = Memory.open(mute_url, Seconds(0.2), 8)
    async with asyncio.timeout(2):
        with pytest.raises(Unavailable):
            await memory.ping()
    await memory.close()


async def test_a_server_that_takes_no_writes_is_unavailable(own_redis: OwnRedis) -> None:
    memory = Memory.open(own_redis.url, Seconds(1), 8)
    for setting, refuses, takes in (("min-replicas-to-write", 1, 0), ("maxmemory", 1, 0)):
        await memory.run([command("CONFIG", "SET", setting, refuses)])
        with pytest.raises(Unavailable):
            await memory.run([ADD.call(["k"], [1])])
        await memory.run([command("CONFIG", "SET", setting, takes)])
    assert await memory.run([ADD.call(["k"], [1])]) == [1]
    await memory.close()


async def test_a_restart_between_two_calls_is_not_noticed(own_redis: OwnRedis) -> None:
    memory = Memory.open(own_redis.url, Seconds(1), 8)
    calls = (memory.run([ADD.call(["k"], [1])]) for _ in range(8))
    assert sorted(await asyncio.gather(*calls)) == [[n] for n in range(1, 9)]
    own_redis.stop()
    own_redis.start()
    calls = (memory.run([ADD.call(["k"], [1])]) for _ in range(8))
    assert sorted(await asyncio.gather(*calls)) == [[n] for n in range(9, 17)]
    await memory.close()


async def test_while_it_is_stopped_it_is_unavailable_and_then_as_before(
    own_redis: OwnRedis,
) -> None:
    memory = Memory.open(own_redis.url, Seconds(1), 8)
    await memory.ping()
    own_redis.stop()
    with pytest.raises(Unavailable):
        await memory.ping()
    own_redis.start()
    await memory.ping()
    await memory.close()


async def test_more_callers_than_connections_wait_their_turn(memory: Memory) -> None:
    answers = await asyncio.gather(*(memory.run([command("ECHO", n)]) for n in range(100)))
    assert answers == [[str(n).encode()] for n in range(100)]


async def test_an_answer_given_up_on_is_not_taken_for_the_next(clean_redis_url: str) -> None:
    async with Proxy(clean_redis_url) as proxy:
        memory = Memory.open(proxy.url, Seconds(0.2), 1)
        await memory.ping()
        proxy.hold()
        with pytest.raises(Unavailable):
            await memory.run([command("ECHO", "given up on")])
        proxy.release()
        assert await memory.run([command("ECHO", "next")]) == [b"next"]
        await memory.close()


async def for_ever(memory: Memory) -> None:
    while True:
        with suppress(Unavailable):
            await memory.ping()


async def ends(calling: asyncio.Task[None]) -> None:
    calling.cancel()
    await asyncio.wait([calling], timeout=1)
    assert calling.cancelled()


async def test_no_cancellation_is_lost(memory: Memory) -> None:
    """Cancelled at every point of a round trip, a caller ends; lost once, a stop would hang."""
    for turns in range(200):
        calling = asyncio.create_task(for_ever(memory))
        for _ in range(turns):
            await asyncio.sleep(0)
        await ends(calling)


async def test_a_cancellation_at_the_time_out_is_not_lost(mute_url: str) -> None:
    memory = Memory.open(mute_url, Seconds(0.02), 8)
    for moment in range(40):
        calling = asyncio.create_task(for_ever(memory))
        await asyncio.wait([calling], timeout=0.019 + moment / 20_000)
        await ends(calling)
    await memory.close()


async def test_round_trips_and_failures_count_by_client(clean_redis_url: str) -> None:
    async with Proxy(clean_redis_url) as proxy:
        memory = Memory.open(proxy.url, Seconds(1), 2, "spare")
        trips = Rise("parley_redis_seconds_count", client="spare")
        failures = Rise("parley_redis_failures_total", client="spare")
        await memory.ping()
        assert (trips.by, failures.by) == (1, 0)
        await proxy.refuse()
        proxy.cut()
        with pytest.raises(Unavailable):
            await memory.ping()
        assert (trips.by, failures.by) == (2, 1)
        await memory.close()
