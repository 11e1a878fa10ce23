"""The listening socket and uvicorn on it, stopped by the runner and not by signals of its own."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from services.gateway.config import Settings
from services.gateway.realtime.wire import SocketProtocol
from shared.errors import SettingsError


class Server(uvicorn.Server):
    """Leaves the signals to the runner, which drains the sockets before it stops this."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(app: ASGIApp, settings: Settings) -> Server:
    return Server(
        uvicorn.Config(
            app,
            http="httptools",
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
            timeout_keep_alive=settings.http_keep_alive_s,
            timeout_graceful_shutdown=settings.http_drain_s,
        )
    )


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
