"""One accepted socket at the level of bytes: frames out within a time, a close that never hangs.

uvicorn's `send` and `close` wait for a client to read. A client that does not is evicted by the
transport itself, which `SocketProtocol` hands out through the ASGI scope.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request

from services.gateway import metrics
from services.gateway.realtime.endings import Ending
from services.gateway.realtime.protocol import CloseCode, Error, ServerFrame, encode

EVICT = "parley.evict"
# What an evicted or failing client gets to read its close frame in, and to echo it.
LINGER_S = 1.0


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol with our close codes, and an eviction that waits for nobody."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.close_timeout = LINGER_S

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EVICT] = {"call": self.evict}

    async def send(self, message: Any) -> None:
        """uvicorn sends a refusal (403, 429) and then logs an error: no handshake was completed."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def evict(self, code: CloseCode, reason: str) -> None:
        """Close now: whatever was not read within a second is dropped with the connection."""
        if not self.close_sent and not self.transport.is_closing():
            self.conn.send_close(code, reason)
            self._leave(code, reason, b"".join(self.conn.data_to_send()))

    def keepalive_timeout(self) -> None:
        self.evict(CloseCode.SILENT, "no answer to a ping")
        if not self.writable.is_set():
            # It has not read what was said before: no last words, and a writer that waits for it.
            self.transport.abort()

    def handle_parser_exception(self) -> None:
        """A frame over the size limit gets our close code; the rest is the library's business."""
        if self.close_sent:
            return
        if not isinstance(self.conn.parser_exc, PayloadTooBig):
            super().handle_parser_exception()
            return
        self.conn.data_to_send()  # the library's own close frame, with code 1009
        close = Close(CloseCode.TOO_LARGE, "frame too large").serialize()
        body = Frame(Opcode.CLOSE, close).serialize(mask=False)
        self._leave(CloseCode.TOO_LARGE, "frame too large", body)

    def _leave(self, code: CloseCode, reason: str, last: bytes) -> None:
        """Say the last and stay for a second: closing at once would reset what was not yet read."""
        self.stop_keepalive()
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(last)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)


class Gone(Exception):
    """The client is not there any more, or was evicted."""


class Wire:
    """An accepted WebSocket. `send_timeout_s` is how long one frame may wait for a slow reader.

    Error frames name `correlation_id`, as the socket's lines in the log do.
    `code` is the close code that either side gave first, None while it is open or if neither did.
    """

    def __init__(self, websocket: WebSocket, send_timeout_s: float) -> None:
        self._websocket = websocket
        self._send_timeout_s = send_timeout_s
        self.correlation_id: str | None = None
        self._evict: Callable[[CloseCode, str], None] | None = None
        self.code: int | None = None
        extension = websocket.scope.get("extensions", {}).get(EVICT)
        if extension is not None:
            self._evict = extension["call"]

    async def receive(self) -> str | bytes:
        """What the client said next. Raises `Gone`."""
        try:
            message = await self._websocket.receive()
        except RuntimeError as error:  # Starlette's way to say that it is over already
            raise Gone from error
        if message["type"] == "websocket.disconnect":
            self._over(message.get("code"))
            raise Gone
        said: str | bytes = message.get("text") or message.get("bytes") or b""
        return said

    async def send(self, frame: ServerFrame) -> None:
        """Raises `Gone`; a client that does not read for the time-out is evicted."""
        metrics.SAID.labels(frame.__struct_config__.tag).inc()
        if isinstance(frame, Error):
            frame = replace(frame, correlation_id=self.correlation_id)
        await self._within(self._websocket.send_text(encode(frame)))

    async def close(self, ending: Ending) -> None:
        """Say the last words and close. Never raises."""
        if ending.code is None:
            return
        self._over(ending.code)
        try:
            if ending.code is CloseCode.TOO_SLOW:
                raise Gone
            for frame in ending.last_words:
                await self.send(frame)
            await self._within(self._websocket.close(ending.code, ending.reason))
        except Gone:
            self._drop(ending.code, ending.reason)

    async def _within(self, sending: Any) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            sending.close()
            raise Gone
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await sending
        except TimeoutError:
            self._drop(CloseCode.TOO_SLOW, "reading too slowly")
            raise Gone from None
        except (WebSocketDisconnect, RuntimeError, OSError):
            raise Gone from None

    def _over(self, code: int | None) -> None:
        self.code = code if self.code is None else self.code

    def _drop(self, code: CloseCode, reason: str) -> None:
        self._over(code)
        if self._evict is not None:
            self._evict(code, reason)
