"""The listening socket and uvicorn on it, stopped by the runner and not by signals of its own."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.config import Settings
from services.gateway.realtime.wire import SocketProtocol
from shared.errors import SettingsError

_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class Server(uvicorn.Server):
    """Leaves the signals to the runner, which drains the sockets before it stops this."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit, in bytes and in time, on the head of a request."""

    def __init__(self, *arguments: Any, settings: Settings, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes_max = settings.http_head_bytes_max
        self._head_timeout_s = settings.http_head_timeout_s
        self._head_bytes = 0
        self._head_due: asyncio.TimerHandle | None = None
        self._in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_due = self._due()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_over()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        went_on = self._in_head
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_due = self._head_due or self._due()
        self._head_bytes += len(data) if went_on else 0
        if self._head_bytes > self._head_bytes_max:
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_over()
        super().on_headers_complete()

    def _due(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self._head_timeout_s, self.transport.abort)

    def _head_over(self) -> None:
        self._head_bytes = 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None


def server(app: ASGIApp, settings: Settings) -> Server:
    """Raises `SettingsError` when the certificate or its key can't be used."""
    return Server(
        uvicorn.Config(
            app,
            http=cast(type[asyncio.Protocol], partial(HttpProtocol, settings=settings)),
            ws=SocketProtocol,
            ws_max_size=settings.frame_bytes_max,
            ws_ping_interval=settings.heartbeat_s,
            ws_ping_timeout=settings.heartbeat_timeout_s,
            # Frames are small, and a compressor's window per socket is not.
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            # The API reads forwarded addresses itself, from proxies it was told to trust.
            proxy_headers=False,
            backlog=settings.listen_backlog,
            ssl_context_factory=_tls(settings),
            timeout_keep_alive=settings.http_keep_alive_s,
            timeout_graceful_shutdown=settings.http_drain_s,
        )
    )


def _tls(settings: Settings) -> Callable[..., ssl.SSLContext] | None:
    if not settings.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as error:  # An SSLError is one too.
        files = f"{settings.tls_certificate}, {settings.tls_key}"
        raise SettingsError(f"TLS_CERTIFICATE, TLS_KEY: cannot use {files}: {error}") from error
    return lambda *_: context


def listen(settings: Settings) -> socket.socket:
    """A bound socket; what is set on it holds for every connection it accepts.

    Raises `SettingsError` when the port is taken.
    """
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # A client that does not read must cost little and go soon.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.send_buffer_bytes)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        timeout_ms = settings.user_timeout_s * 1000
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
    try:
        listening.bind((settings.listen_host, settings.port))
    except OSError as error:
        listening.close()
        where = f"{settings.listen_host}:{settings.port}"
        raise SettingsError(f"PORT: cannot listen on {where}: {error.strerror}") from error
    listening.setblocking(False)
    return listening
