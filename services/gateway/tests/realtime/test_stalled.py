"""A client that stops reading while its partner says all that the limits allow."""

import asyncio
import gc
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.tests.realtime.pairs import met
from services.gateway.tests.realtime.world import Running, Socket, World

EVICTED_WITHIN_S = 15.0
HELD_BYTES_MAX = 256 * 1024
# The largest description there may be.
OFFER = {"type": "offer", "sdp": "v" * 12_000}
USUAL = RealtimeSettings()


@pytest.fixture(name="traced")
def _traced() -> Iterator[None]:
    """Python counts what this process allocates: the gateway, and clients that hold nothing."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("room_bytes", [4 * 1024, 4 * 1024 * 1024])
async def test_a_stalled_reader_is_evicted_and_holds_little_meanwhile(
    world: World, room_bytes: int
) -> None:
    """With little room in its kernel the gateway's buffers fill; with much, pings go unanswered."""
    running = await world.gateway(
        refresh_interval_s=USUAL.refresh_interval_s,
        presence_grace_s=USUAL.presence_grace_s,
        hello_timeout_s=USUAL.hello_timeout_s,
    )
    two = await met(world, running)
    async with world.person(running, two.ana) as ana:
        for _ in range(USUAL.signals_burst_max):
            await ana.say(**two.signal(description=OFFER))
            await _answered(ana)
        # Whatever the first socket of a process brings with it is not this one's.
        async with world.person(running, two.ben):
            await _told(ana, "peer.back")
        await _told(ana, "peer.away")
        narrow = _connected(running, room_bytes)
        async with world.socket(running, sock=narrow, max_queue=1) as ben:
            began = asyncio.get_running_loop().time()
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            # All there is, and more to come.
            await ben.say(type="hello", token=world.token(two.ben.user_id), last_offset="0-0")
            ben.connection.transport.pause_reading()
            held: list[int] = []
            await _told(ana, "peer.back")
            while running.gateway.connections.get(two.ben.user_id) is not None:
                await ana.say(**two.signal(description=OFFER))
                await _answered(ana, 1 / USUAL.signals_per_s_max)
                held.append(tracemalloc.get_traced_memory()[0] - before)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < EVICTED_WITHIN_S
            assert _for_a_while(held) < HELD_BYTES_MAX, held
            ben.connection.transport.abort()


async def _told(socket: Socket, kind: str) -> None:
    """Whatever is refused meanwhile."""
    while (frame := await socket.next(5.0))["type"] != kind:
        assert frame["type"] == "error", frame


def _for_a_while(held: list[int]) -> int:
    """The most that was there for half a second: a frame on its way in is not held for anybody."""
    return max(min(held[n : n + 5]) for n in range(len(held) - 4))


async def _answered(socket: Socket, within_s: float = 0.01) -> None:
    """Read what is said within this time, in which the next signal must not follow."""
    with suppress(TimeoutError):
        while True:
            await socket.next(within_s)


def _connected(running: Running, room_bytes: int) -> socket.socket:
    address = urlsplit(running.url)
    connected = socket.socket()
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
    connected.connect((address.hostname, address.port))
    return connected
