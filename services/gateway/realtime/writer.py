"""The writer of a socket: remembers what it last told and sends the difference."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from services.gateway.realtime import ice
from services.gateway.realtime.connections import Connection
from services.gateway.realtime.endings import ERASED, Ending
from services.gateway.realtime.frames import frames, welcome
from services.gateway.realtime.listener import Listener
from services.gateway.realtime.protocol import (
    IceConfiguration,
    Limits,
    MatchWaiting,
    PeerAway,
    PeerBack,
    StateFrame,
    Welcome,
)
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.wire import Wire
from shared import tracing
from shared.domain import LiveSession, PendingRequest, UserState
from shared.identifiers import SessionId

Estimate = Callable[[PendingRequest, float], Awaitable[float | None]]
"""Seconds still to wait for a request that has waited this many; None: no honest estimate."""


class Writer:
    """Everything said on one socket after hello passes here, one frame after the other."""

    def __init__(
        self,
        connection: Connection,
        wire: Wire,
        listener: Listener,
        estimate: Estimate,
        settings: RealtimeSettings,
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._listener = listener
        self._estimate = estimate
        self._settings = settings
        self._interval_s = settings.waiting_interval_s
        self._limits = Limits(
            frame_bytes_max=settings.frame_bytes_max, frames_per_s_max=settings.frames_per_s_max
        )
        self._told: UserState | None = None
        self._told_away = False
        self._waiting_due: float | None = None

    async def write(self) -> Ending:
        """Until the connection is to end; says how. Raises `Gone`."""
        connection = self._connection
        while (ending := connection.ending) is None:
            await self._tell_answers()
            await self._tell_state()
            await self._tell_peer()
            await self._tell_relayed()
            await self._tell_waiting()
            if not self._behind():
                await self._news()
        return ending

    def _behind(self) -> bool:
        """Whether news came while the last frames were on their way."""
        latest = self._connection.latest
        told = self._told
        return (
            bool(self._connection.waiting)
            or (latest is not None and (told is None or latest.version > told.version))
            or self._listener.due(self._session)
        )

    async def _news(self) -> None:
        try:
            async with asyncio.timeout_at(self._waiting_due):
                await self._connection.news()
        except TimeoutError:
            pass

    async def _tell_answers(self) -> None:
        waiting = self._connection.waiting
        while waiting:
            await self._wire.send(waiting.popleft())

    async def _tell_state(self) -> None:
        connection, before = self._connection, self._told
        after, trace = connection.latest, connection.trace
        if after is None:
            return
        if after.erased:
            connection.end(ERASED)
            return
        servers = ice.configuration(self._settings, after, datetime.now(UTC))
        difference = None if connection.welcome_due else frames(before, after, servers)
        id, connection.welcome_id, connection.welcome_due = connection.welcome_id, None, False
        # Told from here on, whatever becomes of the socket: a resume begins with a welcome.
        self._told = after if before is None or after.version >= before.version else before
        self._watch_waiting(before, self._told)
        if difference is None:
            await self._wire.send(await self._welcome(after, servers, id))
        elif _session_id(before) != _session_id(after):
            self._told_away = False
        for frame in difference or ():
            await self._send_traced(frame, after.version, trace)

    async def _send_traced(self, frame: StateFrame, version: int, trace: str) -> None:
        """Where what somebody asked for ends: with those who hear of it."""
        with tracing.span(
            f"send {frame.__struct_config__.tag}",
            tracing.PRODUCER,
            trace,
            parley__user_id=self._connection.user_id,
            parley__version=version,
        ):
            await self._wire.send(frame)

    async def _welcome(
        self, state: UserState, servers: IceConfiguration, id: str | None
    ) -> Welcome:
        place = await self._listener.place(state.session)
        self._told_away = self._connection.peer_away(state.session)
        return welcome(
            state,
            servers,
            self._settings.heartbeat_s,
            self._limits,
            id,
            peer_away=self._told_away,
            offset=place.offset,
            recovered=place.recovered,
        )

    @property
    def _session(self) -> LiveSession | None:
        """The live session as last told."""
        return self._told.session if self._told is not None else None

    async def _tell_peer(self) -> None:
        session, away = self._session, self._connection.peer_away(self._session)
        if session is not None and away is not self._told_away:
            self._told_away = away
            peer = PeerAway if away else PeerBack
            await self._wire.send(peer(session_id=session.session_id))

    async def _tell_relayed(self) -> None:
        session = self._session
        if session is not None and self._listener.due(session):
            await self._listener.hear(session, self._wire.send)

    def _watch_waiting(self, before: UserState | None, after: UserState) -> None:
        if after.request is None:
            self._waiting_due = None
        elif before is None or before.request is None or _other(before.request, after.request):
            self._waiting_due = asyncio.get_running_loop().time() + self._interval_s

    async def _tell_waiting(self) -> None:
        due, now = self._waiting_due, asyncio.get_running_loop().time()
        if due is None or now < due or self._told is None or self._told.request is None:
            return
        self._waiting_due = max(due + self._interval_s, now)
        request = self._told.request
        waited_s = max(0.0, (datetime.now(UTC) - request.since).total_seconds())
        estimated_s = await self._estimate(request, waited_s)
        if not self._behind():
            await self._wire.send(
                MatchWaiting(
                    request_id=request.request_id,
                    waited_s=round(waited_s, 1),
                    estimated_wait_s=estimated_s,
                )
            )


def _session_id(state: UserState | None) -> SessionId | None:
    return state.session.session_id if state is not None and state.session is not None else None


def _other(before: PendingRequest, after: PendingRequest) -> bool:
    return before.request_id != after.request_id
