"""What a client may say, and how long it may take, before it is known what it asks for."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from services.gateway.tests.realtime.world import Running, World
from shared.config import Seconds

HEAD = b"GET /healthz HTTP/1.1\r\nHost: parley\r\n"


async def said(running: Running, *parts: bytes) -> bytes:
    """Everything answered until the gateway closes."""
    place = urlsplit(running.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
        async with asyncio.timeout(3):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_headers_without_end_are_cut_off(world: World) -> None:
    running = await world.gateway(tending=False)
    endless = (b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(20_000))
    answer = await said(running, HEAD, *endless)
    assert b" 200 " not in answer


async def test_headers_a_little_over_the_limit_are_431(world: World) -> None:
    running = await world.gateway(tending=False, http_head_bytes_max=2000)
    answer = await said(running, HEAD, b"X: " + b"x" * 3000)
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_who_does_not_say_what_it_wants_is_hung_up_on(world: World) -> None:
    running = await world.gateway(tending=False, http_head_timeout_s=Seconds(0.1))
    full = HEAD + b"\r\n"
    for parts in ((), (HEAD,), (full, HEAD)):
        answer = await said(running, *parts)
        assert answer.startswith(b"HTTP/1.1 200 ") == (full in parts)


async def test_a_socket_outlives_the_time_for_its_head(world: World) -> None:
    running = await world.gateway(
        tending=False, http_head_timeout_s=Seconds(0.1), waiting_interval_s=Seconds(0.3)
    )
    life = world.sessions.register()
    life.ask()
    async with world.person(running, life) as socket:
        assert await socket.hear("match.waiting")
