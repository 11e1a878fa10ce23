"""Many wires in a process of their own, so that a busy test holds up no service's messages.

Run as `python -m tests.e2e.wires URL PORT…` it listens at every port. Each line it reads, "hold
PORT", "cut PORT" or "read PORT", it answers with a line of JSON: that wire's `Counts`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from msgspec import Struct

from tests.e2e.door import Door
from tests.e2e.replica import END_WITH_US, ROOT
from tests.e2e.wire import Wire


class Counts(Struct, frozen=True):
    """`withheld` since the last hold; deliveries since the wire was laid."""

    withheld: int
    delivered: int
    redelivered: int


class Wires:
    """The wires of one stack, by port."""

    def __init__(self, url: str, process: asyncio.subprocess.Process) -> None:
        self._url = url
        self._process = process
        self._speaking = asyncio.Lock()

    def url(self, port: int) -> str:
        """What a service is given instead of the broker's address."""
        return Door.address(self._url, port)

    async def hold(self, port: int) -> None:
        """From now on no acknowledgement passes."""
        await self._tell("hold", port)

    async def cut(self, port: int) -> None:
        """Every connection breaks; those that come after pass everything again."""
        await self._tell("cut", port)

    async def read(self, port: int) -> Counts:
        return await self._tell("read", port)

    async def _tell(self, word: str, port: int) -> Counts:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        async with self._speaking:
            stdin.write(f"{word} {port}\n".encode())
            return msgspec.json.decode(await stdout.readline(), type=Counts)


@asynccontextmanager
async def lay_wires(url: str, ports: list[int]) -> AsyncIterator[Wires]:
    """Wires to the broker of `url`, listening at these ports while the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *(*END_WITH_US, sys.executable, "-m", "tests.e2e.wires", url, *map(str, ports)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        wires = Wires(url, process)
        await wires.read(ports[0])  # It answers: it listens.
        yield wires
    finally:
        assert process.stdin is not None
        process.stdin.close()  # The end of its work.
        await process.wait()


async def serve(url: str, ports: list[int]) -> None:
    """Until there is nothing more to read."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        wires = {
            str(port): await stack.enter_async_context(Wire(url, port).open()) for port in ports
        }
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            obey(wires, *line.split())


def obey(wires: Mapping[str, Wire], word: str, port: str) -> None:
    wire = wires[port]
    if word == "hold":
        wire.hold()
    if word == "cut":
        wire.cut()
    counts = Counts(wire.withheld, wire.delivered, wire.redelivered)
    os.write(sys.stdout.fileno(), msgspec.json.encode(counts) + b"\n")


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], [int(port) for port in sys.argv[2:]]))
