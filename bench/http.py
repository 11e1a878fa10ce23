"""HTTP/1.1 as a load generator needs it: keep-alive connections, and hardly any work per call.

The generator shares the processors with what it measures: a general client would cost more per call
than the gateway does.
"""

import asyncio
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

CONNECTIONS_MAX = 256
CALL_TIMEOUT_S = 30.0


class Answer(Struct, frozen=True):
    status: int
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class _Connection(asyncio.Protocol):
    """One call at a time. The server must send Content-Length, as ours does."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are registered as no kind of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or self._answer is None or self._answer.done():
            return
        lines = head.split(b"\r\n")
        lengths = [line[15:] for line in lines if line[:15].lower() == b"content-length:"]
        length = int(lengths[0]) if lengths else 0
        if len(body) >= length:
            self._received = b""
            self._answer.set_result(Answer(int(lines[0][9:12]), body[:length]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the gateway hung up"))

    async def call(self, request: bytes) -> Answer:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await self._answer


class Http:
    """Calls to one gateway over as many connections as there are calls at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        self._idle: list[_Connection] = []
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)

    async def call(
        self, method: str, path: str, body: Any = None, token: str = "", key: str = ""
    ) -> Answer:
        """The answer to `method` on `/api/v1` + `path`; `key` is an Idempotency-Key."""
        content = b"" if body is None else msgspec.json.encode(body)
        lines = [f"{method} /api/v1{path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"Content-Length: {len(content)}", "Content-Type: application/json"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if key:
            lines.append(f"Idempotency-Key: {key}")
        request = "\r\n".join([*lines, "", ""]).encode() + content
        async with self._slots:
            connection = await self._connection()
            answer = await connection.call(request)
            self._idle.append(connection)
        return answer

    async def warm(self, connections: int) -> None:
        """Open this many connections now, so that no measured call has to."""
        self._idle += [await self._open() for _ in range(connections - len(self._idle))]

    def close(self) -> None:
        for connection in self._idle:
            connection.transport.close()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                return connection
        return await self._open()

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self.host, self.port)
        return connection
