"""For tests: a TCP proxy on loopback that cuts, holds and refuses connections to a server."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class Proxy:
    """`async with Proxy(url) as proxy:` speaks to what `url` names through `proxy.url`.

    With `others`, a connection that `url` doesn't take goes to the first of them that does.
    """

    def __init__(self, url: str, *others: str) -> None:
        self._upstreams = [_address(one) for one in (url, *others)]
        self._original = url
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._passing: int | None = None
        self.port = 0
        self.accepted = 0

    @property
    def url(self) -> str:
        parts = urlsplit(self._original)
        credentials, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}").geturl()

    def cut(self) -> None:
        """Reset every connection; new ones are accepted."""
        self._passing = None
        for writer in self._writers:
            writer.transport.abort()

    def cut_after(self, pieces: int) -> None:
        """Let so many more pieces of bytes through, in either direction, and cut at the next."""
        self._passing = pieces

    def hold(self) -> None:
        """Let no byte through in either direction, without closing anything."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    async def refuse(self) -> None:
        """Cut, and accept no connection until `accept`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    async def accept(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
        await self.refuse()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        with contextlib.suppress(OSError):
            upstream_reader, upstream_writer = await self._connect()
            self._writers |= {writer, upstream_writer}
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._pump(reader, upstream_writer))
                    tasks.create_task(self._pump(upstream_reader, writer))
            finally:
                self._writers -= {writer, upstream_writer}
        writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        *first, last = self._upstreams
        for upstream in first:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(*upstream)
        return await asyncio.open_connection(*last)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._flowing.wait()
                if not self._passes():
                    break
                writer.write(chunk)
                await writer.drain()
        writer.close()

    def _passes(self) -> bool:
        if self._passing is None:
            return True
        self._passing -= 1
        if self._passing < 0:
            self.cut()
            return False
        return True


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
