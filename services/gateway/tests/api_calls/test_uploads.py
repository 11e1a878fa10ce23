"""What only a real server and a real socket show: answers to uploads that are far too large."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import uvicorn

MEGABYTE = 1024 * 1024
HEAD = b"POST /api/v1/users HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\n"


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@pytest_asyncio.fixture(params=["httptools", "h11"])
async def port(api: Any, request: pytest.FixtureRequest) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(api.app, http=request.param, lifespan="off", log_config=None)
    server = Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listening]))
        yield listening.getsockname()[1]
        server.should_exit = True


async def exchange(port: int, upload: bytes) -> bytes:
    """Sends all of it before it reads anything, as simple clients do; the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(upload)
        await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


def chunked(body: bytes) -> bytes:
    chunks = (body[start : start + 60_000] for start in range(0, len(body), 60_000))
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def check(answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head
    assert msgspec.json.decode(body)["type"] == "/problems/body-too-large"


async def test_a_megabyte_of_known_length_is_a_clean_413(port: int, api: Any) -> None:
    check(await exchange(port, HEAD + b"Content-Length: %d\r\n\r\n" % MEGABYTE + b" " * MEGABYTE))
    assert api.asker.asked == []


async def test_a_megabyte_in_chunks_is_a_clean_413(port: int, api: Any) -> None:
    check(
        await exchange(
            port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b" " * MEGABYTE)
        )
    )
    assert api.asker.asked == []


async def test_an_upload_without_end_is_answered_and_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    sent = 0
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            while sent < 64 * MEGABYTE:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
    assert sent < 32 * MEGABYTE
    writer.close()
    assert reader is not None


async def test_who_waits_to_be_told_to_continue_is_told_not_to(port: int) -> None:
    head = HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % MEGABYTE
    check(await exchange(port, head))
