"""What a socket has heard from the partner: how far in the stream, and what comes next."""

from collections.abc import Awaitable, Callable

from services.gateway import metrics
from services.gateway.realtime.connections import Connection
from services.gateway.realtime.protocol import RelayedFrame, RelayedSignal
from services.gateway.realtime.relay import Place, Relay
from services.gateway.realtime.streams import BEGINNING
from shared.domain import LiveSession
from shared.errors import Unavailable
from shared.identifiers import SessionId

Send = Callable[[RelayedFrame], Awaitable[None]]


class Listener:
    """One connection's ear: reads the stream a few entries at a time, from the offset heard last.

    The offset stands with the connection, for others to see whether the stream has gone on.
    """

    def __init__(self, connection: Connection, relay: Relay) -> None:
        self._connection = connection
        self._relay = relay
        self._session_id: SessionId | None = None
        self._welcomed = False
        self._missed = False
        self._early: int | None = None

    def due(self, session: LiveSession | None) -> bool:
        """Whether there may be something to hear."""
        if session is None:
            return False
        in_time = self._early is not None and self._early <= session.generation
        return self._connection.listener_due or in_time

    async def place(self, session: LiveSession | None) -> Place:
        """For a welcome: where hearing goes on, and whether anything was missed.

        A socket that does not say what it heard last gets what comes from now on; one that was
        told of the session when it began, all of it. Without Redis the next frame will show
        whether it follows the last.
        """
        connection, missed = self._connection, self._missed
        asked, connection.last_offset = connection.last_offset, None
        if asked is None and self._welcomed:
            known = session is not None and session.session_id == self._session_id
            asked = connection.offset if known else BEGINNING
        self._welcomed, self._missed, self._early = True, False, None
        if session is None:
            self._session_id, connection.offset = None, BEGINNING
            metrics.RESUMED.labels("fresh").inc()
            return Place(BEGINNING, True)
        self._session_id = session.session_id
        try:
            place = await self._relay.place(session.session_id, connection.user_id, asked)
        except Unavailable:
            place = Place(asked or BEGINNING, True)
        connection.offset = place.offset
        connection.wake_listener()
        recovered = place.recovered and not missed
        outcome = "fresh" if asked is None else "recovered" if recovered else "lost"
        metrics.RESUMED.labels(outcome).inc()
        return Place(place.offset, recovered)

    async def hear(self, session: LiveSession, send: Send) -> None:
        """Send the next few frames. If some were trimmed before, a fresh welcome is due instead.

        A signal of a generation that this client was not told of yet waits in the stream.
        """
        connection = self._connection
        connection.listener_due, self._early = False, None
        if session.session_id != self._session_id:
            self._session_id, connection.offset = session.session_id, BEGINNING
        try:
            entries = await self._relay.read(
                session.session_id, connection.user_id, connection.offset
            )
        except Unavailable:
            return  # The next round looks again.
        if entries and entries[0].before != connection.offset:
            self._missed = True
            connection.offset = entries[0].before
            connection.miss()
            return
        for entry in entries:
            frame = entry.frame()
            if isinstance(frame, RelayedSignal) and frame.generation > session.generation:
                self._early = frame.generation
                return
            await send(frame)
            connection.offset = entry.offset
        if entries:
            connection.wake_listener()
