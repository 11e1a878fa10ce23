"""A TCP door in front of a server: opened late, cut at will, listened at by whoever extends it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

READ_BYTES = 65_536
D = TypeVar("D", bound="Door")
Filter = Callable[[bytes], bytes]


class Door:
    """Forwards what comes to `port` to the server of `url`, and back."""

    def __init__(self, url: str, port: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        self._server = (parts.hostname, parts.port)
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()

    @staticmethod
    def address(url: str, port: int) -> str:
        """`url` with the door's address in place of the server's."""
        parts = urlsplit(url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{port}"))

    @asynccontextmanager
    async def open(self: D) -> AsyncIterator[D]:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        try:
            yield self
        finally:
            listener.close()
            self.cut()
            await listener.wait_closed()

    def cut(self) -> None:
        """Every connection breaks, without a word to either side."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def filters(self) -> tuple[Filter, Filter]:
        """What a new connection's bytes go through: (to the server, from the server)."""
        return bytes, bytes

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            self._keep(stack, writer)
            with suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection(*self._server)
                self._keep(stack, server_writer)
                inward, outward = self.filters()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_pump(reader, server_writer, inward))
                    tasks.create_task(_pump(server_reader, writer, outward))

    def _keep(self, stack: AsyncExitStack, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        stack.callback(self._writers.discard, writer)
        stack.callback(writer.transport.abort)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, through: Filter
) -> None:
    with suppress(OSError):
        while chunk := await reader.read(READ_BYTES):
            writer.write(through(chunk))
            await writer.drain()
    writer.close()
