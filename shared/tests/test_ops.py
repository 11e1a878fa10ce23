import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest_asyncio

from shared.errors import Unavailable
from shared.ops import Ops, Readiness


@pytest_asyncio.fixture
async def ops(unused_tcp_port: int) -> AsyncIterator[Ops]:
    ops = Ops()
    await ops.listen("127.0.0.1", unused_tcp_port)
    yield ops
    await ops.close()


async def fetch(port: int, request: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]) if head else 0, body


async def get(port: int, path: str) -> tuple[int, bytes]:
    return await fetch(port, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")


async def readiness(port: int) -> tuple[int, Readiness]:
    status, body = await get(port, "/readyz?verbose")
    return status, msgspec.json.decode(body, type=Readiness)


async def fine() -> None:
    pass


async def broken() -> None:
    raise Unavailable("rabbitmq")


async def test_ready_when_every_check_passes(ops: Ops, unused_tcp_port: int) -> None:
    ops.check("redis", fine)
    ops.check("postgres", fine)
    expected = Readiness(True, {"redis": "ok", "postgres": "ok"})
    assert await readiness(unused_tcp_port) == (200, expected)


async def test_not_ready_names_what_is_missing(ops: Ops, unused_tcp_port: int) -> None:
    ops.check("redis", fine)
    ops.check("rabbitmq", broken)
    expected = Readiness(False, {"redis": "ok", "rabbitmq": "rabbitmq is unavailable"})
    assert await readiness(unused_tcp_port) == (503, expected)
    assert (await get(unused_tcp_port, "/healthz"))[0] == 200


async def test_not_ready_while_starting_though_no_check_fails(
    ops: Ops, unused_tcp_port: int
) -> None:
    ops.starting = True
    assert await readiness(unused_tcp_port) == (503, Readiness(False, {"process": "starting"}))


async def test_not_ready_while_stopping(ops: Ops, unused_tcp_port: int) -> None:
    ops.stopping = True
    assert await readiness(unused_tcp_port) == (503, Readiness(False, {"process": "stopping"}))


async def test_the_figures_are_shown_with_the_checks_as_they_are(
    ops: Ops, unused_tcp_port: int
) -> None:
    ops.check("redis", fine)
    ops.check("rabbitmq", broken)
    status, body = await get(unused_tcp_port, "/metrics")
    lines = body.decode().splitlines()
    assert status == 200
    assert "parley_ready 0.0" in lines
    assert 'parley_check_ok{check="redis"} 1.0' in lines
    assert 'parley_check_ok{check="rabbitmq"} 0.0' in lines
    ops.check("rabbitmq", fine)
    assert "parley_ready 1.0" in (await get(unused_tcp_port, "/metrics"))[1].decode().splitlines()


async def test_unknown_paths_and_nonsense_harm_nobody(ops: Ops, unused_tcp_port: int) -> None:
    assert (await get(unused_tcp_port, "/elsewhere"))[0] == 404
    assert (await fetch(unused_tcp_port, "\r\n\r\n"))[0] == 0
    assert (await fetch(unused_tcp_port, "POST /readyz HTTP/1.1\r\n\r\n"))[0] == 0
    assert (await get(unused_tcp_port, "/healthz"))[0] == 200


async def test_port_zero_is_off() -> None:
    ops = Ops()
    await ops.listen("127.0.0.1", 0)
    await ops.close()
