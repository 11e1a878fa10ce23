"""`GET /api/v1/ws`: refuse before accept, hear hello, then read while the writer writes."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket

from services.gateway import metrics
from services.gateway.api.origins import allowed
from services.gateway.api.problems import of_refusal, problem
from services.gateway.realtime.card import Cards
from services.gateway.realtime.connections import Connection, Connections
from services.gateway.realtime.endings import GONE, Closing, Ending, goodbye
from services.gateway.realtime.hello import Introduced, Introductions
from services.gateway.realtime.listener import Listener
from services.gateway.realtime.participation import Participant
from services.gateway.realtime.peers import Peers
from services.gateway.realtime.protocol import SUBPROTOCOL, CloseCode
from services.gateway.realtime.reader import Reader
from services.gateway.realtime.relay import Relay
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.speaker import Speaker
from services.gateway.realtime.wire import Gone, Wire
from services.gateway.realtime.writer import Estimate, Writer
from shared.errors import Refused, Unavailable
from shared.identifiers import ConnectionId, new_id
from shared.messaging import Publisher
from shared.metrics import bounded

Admit = Callable[[Scope], Awaitable[None]]
"""Counts a handshake against the limit of its address. Raises `Refused`."""

# Ours, and what browsers and libraries say: going away, nothing, lost. Clients may say any other.
_CODES_SHOWN = frozenset({*map(str, map(int, CloseCode)), "1000", "1001", "1005", "1006"})
for _code in _CODES_SHOWN:
    metrics.CLOSED.labels(_code)

_log = structlog.get_logger()


class Ways(Struct, frozen=True):
    """Where what users say and do goes: to sessions, to their partners, to who looks after them."""

    publisher: Publisher
    relay: Relay
    peers: Peers


class Sockets:
    """The endpoint, and every socket it has open, with a hello or without one yet."""

    def __init__(
        self,
        connections: Connections,
        cards: Cards,
        introductions: Introductions,
        admit: Admit,
        estimate: Estimate,
        ways: Ways,
        settings: RealtimeSettings,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._connections = connections
        self._cards = cards
        self._introductions = introductions
        self._admit = admit
        self._estimate = estimate
        self._ways = ways
        self._settings = settings
        self._draw = draw
        self._leaving = False
        self.count = 0

    async def serve(self, websocket: WebSocket) -> None:
        """One socket, from handshake to close."""
        structlog.contextvars.bind_contextvars(correlation_id=new_id())
        refusal = await self._refused(websocket)
        if refusal is not None:
            metrics.REFUSED.labels(str(refusal.status_code)).inc()
            await websocket.send_denial_response(refusal)
            return
        self.count += 1
        metrics.SOCKETS.inc()
        wire = Wire(websocket, self._settings.send_timeout_s)
        try:
            offered = SUBPROTOCOL in websocket.scope["subprotocols"]
            await websocket.accept(SUBPROTOCOL if offered else None)
            await wire.close(await self._converse(websocket, wire))
        finally:
            self.count -= 1
            metrics.SOCKETS.dec()
            metrics.CLOSED.labels(_shown(wire.code)).inc()
            _log.info("socket.closed", code=wire.code)

    async def leave(self) -> None:
        """Turn newcomers away and say goodbye to everybody, in batches over `drain_s`."""
        self._leaving = True
        present = list(self._connections)
        batches = self._settings.drain_batches
        size = -(-len(present) // batches) or 1
        for begin in range(0, len(present), size):
            for connection in present[begin : begin + size]:
                connection.end(self._goodbye())
            await asyncio.sleep(self._settings.drain_s / batches)

    def _goodbye(self) -> Ending:
        """Come back, some time within `drain_s`: everybody at once would be a burden."""
        return goodbye(round(self._draw() * self._settings.drain_s * 1000))

    async def _refused(self, websocket: WebSocket) -> Response | None:
        """The problem names the correlation id of its line in the log, like that of any call."""
        refusal = await self._limited(websocket) or self._refusal(websocket)
        if refusal is not None:
            _log.info("socket.refused", status=refusal.status_code)
        return refusal

    async def _limited(self, websocket: WebSocket) -> Response | None:
        try:
            await self._admit(websocket.scope)
        except Refused as refused:
            return of_refusal(refused)
        return None

    def _refusal(self, websocket: WebSocket) -> Response | None:
        if not allowed(websocket.headers.get("origin"), self._settings):
            return problem("foreign-origin", "Pages of this origin may not open a socket.")
        offered = websocket.scope["subprotocols"]
        if offered and SUBPROTOCOL not in offered:
            detail = f"The socket speaks {SUBPROTOCOL}, which is not among those offered."
            return problem("unknown-subprotocol", detail)
        if self._leaving or self.count >= self._settings.connections_max:
            after = {"Retry-After": "2"}
            return problem("unavailable", "No more sockets here now; try again.", headers=after)
        return None

    async def _converse(self, websocket: WebSocket, wire: Wire) -> Ending:
        """How the conversation ended. The connection's id is minted at accept: later is greater."""
        id = wire.correlation_id = ConnectionId(new_id())
        structlog.contextvars.bind_contextvars(correlation_id=id)
        try:
            introduced = await self._introductions.hear(websocket, wire)
            structlog.contextvars.bind_contextvars(user_id=introduced.user_id)
            _log.info("socket.opened")
            connection = Connection(id, introduced.user_id, self._settings.frames_waiting_max)
            if not self._connections.add(connection):
                return self._goodbye()
            try:
                return await self._welcome(connection, introduced, wire)
            finally:
                self._connections.remove(connection)
                await self._release(connection)
        except Closing as closing:
            return closing.ending
        except Gone:
            return GONE

    async def _welcome(self, connection: Connection, said: Introduced, wire: Wire) -> Ending:
        if not await self._introductions.take(connection, said.last_version):
            return self._goodbye()
        await self._arrive(connection)
        connection.welcomed = True
        connection.welcome_afresh(said.hello_id, said.last_offset)
        if self._leaving:
            connection.end(self._goodbye())
        listener = Listener(connection, self._ways.relay)
        writer = Writer(connection, wire, listener, self._estimate, self._settings)
        async with asyncio.TaskGroup() as tasks:
            participant = Participant(connection, self._ways.publisher, tasks, self._settings)
            speaker = Speaker(connection, self._ways.relay, tasks, self._settings)
            reader = Reader(
                connection, wire, self._introductions, participant, speaker, self._settings
            )
            reading = tasks.create_task(reader.read())
            try:
                return await writer.write()
            except Gone:
                return GONE
            finally:
                reading.cancel()

    async def _arrive(self, connection: Connection) -> None:
        try:
            await self._ways.peers.look([connection])
            await self._ways.peers.changed(connection)
        except Unavailable:
            _log.debug("socket.peer_not_seen")

    async def _release(self, connection: Connection) -> None:
        try:
            if await self._cards.release(connection):
                await self._ways.peers.changed(connection)
        except Unavailable:
            _log.debug("socket.not_released")


def _shown(code: int | None) -> str:
    return "gone" if code is None else bounded(str(int(code)), _CODES_SHOWN)
