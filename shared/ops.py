"""The operations port: `/healthz` says the process lives, `/readyz` whether it can work, `/metrics`
how it does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shared import metrics

PROBE_TIMEOUT_S = 2.0
REQUEST_TIMEOUT_S = 5.0
REQUEST_LINES_MAX = 100
JSON = "application/json"

_ready = metrics.gauge("parley_ready", "1 while the process can work: all its checks pass.")
_check = metrics.gauge("parley_check_ok", "1 while this check of readiness passes.", "check")


class Readiness(Struct, frozen=True):
    """What `/readyz` answers; `checks` holds `ok` or the error of each."""

    ready: bool
    checks: dict[Annotated[str, Meta(pattern="^[a-z]+$")], str]


class Ops:
    """Checks by name, and the small HTTP listener that shows them."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], Awaitable[object]]] = {}
        self._server: asyncio.Server | None = None
        self.starting = False
        self.stopping = False

    def check(self, name: str, probe: Callable[[], Awaitable[object]]) -> None:
        """Ready only while `probe` returns within 2 s without raising."""
        self._checks[name] = probe

    async def readiness(self) -> Readiness:
        """All checks, made at the same time."""
        outcomes = await asyncio.gather(*map(_outcome, self._checks.values()))
        checks = dict(zip(self._checks, outcomes, strict=True))
        if self.starting or self.stopping:
            checks["process"] = "stopping" if self.stopping else "starting"
        return Readiness(all(outcome == "ok" for outcome in checks.values()), checks)

    async def exposition(self) -> bytes:
        """All figures, those of readiness as it is at this moment."""
        readiness = await self.readiness()
        _ready.set(readiness.ready)
        for name in self._checks:
            _check.labels(name).set(readiness.checks[name] == "ok")
        # In a thread: with a thousand series it takes longer than a call may be held up.
        return await asyncio.to_thread(metrics.exposition)

    async def listen(self, host: str, port: int) -> None:
        """Serve on `port`; 0 is off."""
        if port:
            self._server = await asyncio.start_server(self._serve, host, port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                path = await _read_path(reader)
                writer.write(_response(*await self._answer(path)))
                await writer.drain()
        except (TimeoutError, ValueError, OSError, asyncio.IncompleteReadError):
            pass  # whoever asked is gone or does not speak HTTP
        finally:
            writer.close()

    async def _answer(self, path: str) -> tuple[str, str, bytes]:
        """Status line, content type and body."""
        if path == "/healthz":
            return "200 OK", JSON, b'{"alive":true}'
        if path == "/metrics":
            return "200 OK", metrics.CONTENT_TYPE, await self.exposition()
        if path == "/readyz":
            readiness = await self.readiness()
            status = "200 OK" if readiness.ready else "503 Service Unavailable"
            return status, JSON, msgspec.json.encode(readiness)
        return "404 Not Found", JSON, b'{"error":"unknown path"}'


async def _outcome(probe: Callable[[], Awaitable[object]]) -> str:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await probe()
    except TimeoutError:
        return "timed out"
    except Exception as error:  # a probe may fail in any way its client library knows
        return str(error) or type(error).__name__
    return "ok"


async def _read_path(reader: asyncio.StreamReader) -> str:
    """The path of a GET; the headers are read and dropped. Raises `ValueError`."""
    method, path, _version = (await reader.readline()).decode("latin-1").split(" ", 2)
    if method not in ("GET", "HEAD"):
        raise ValueError(method)
    for _ in range(REQUEST_LINES_MAX):
        if not (await reader.readline()).strip():
            break
    return path.partition("?")[0]


def _response(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body
