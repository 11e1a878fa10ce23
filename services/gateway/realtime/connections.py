"""The open sockets of this process: what each is to be told, and how each is to end."""

import asyncio
from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from services.gateway.realtime.endings import REPLACED, TOO_SLOW, Ending
from services.gateway.realtime.protocol import ServerFrame
from shared.domain import LiveSession, UserState
from shared.errors import Refused
from shared.identifiers import ConnectionId, SessionId, UserId

# What is echoed back is for the client's developer to see, not a place to store things.
ECHO_LENGTH_MAX = 64


class Peer(Struct, frozen=True):
    """Whether the partner in this session has no socket at present."""

    session_id: SessionId
    away: bool


class Connection:
    """A socket whose user is known. Whoever has news leaves it here; its writer picks it up.

    `latest` is the newest state heard of, `trace` the traceparent of what changed it; states only
    ever grow in version. `last_offset` is what
    its client says to have heard last of the relay, `offset` what its listener sent last.
    """

    def __init__(self, id: ConnectionId, user_id: UserId, frames_waiting_max: int) -> None:
        self.id = id
        self.user_id = user_id
        self.latest: UserState | None = None
        self.trace = ""
        self.welcomed = False
        self.welcome_due = False
        self.welcome_id: str | None = None
        self.ending: Ending | None = None
        self.waiting: deque[ServerFrame] = deque()
        self.last_offset: str | None = None
        self.offset = "0-0"
        self.listener_due = False
        self.peer: Peer | None = None
        self._frames_waiting_max = frames_waiting_max
        self._news = asyncio.Event()

    def live(self, session_id: SessionId) -> LiveSession:
        """The user's live session of this id, as of the latest state. Raises `Refused`."""
        session = self.latest.session if self.latest is not None else None
        if session is None or session.session_id != session_id:
            detail = "You have no live session of this id."
            raise Refused("unknown-session", detail, {"session_id": session_id[:ECHO_LENGTH_MAX]})
        return session

    def offer(self, state: UserState, trace: str = "") -> None:
        """A state, perhaps newer than the latest; older ones are ignored."""
        if self.latest is None or state.version > self.latest.version:
            self.latest, self.trace = state, trace
            self._news.set()

    def welcome_afresh(self, id: str | None = None, last_offset: str | None = None) -> None:
        """Tell the whole present state again. `id` is that of the hello that asked for it."""
        self.welcome_due = True
        self.welcome_id = id
        self.last_offset = last_offset or self.last_offset
        self._news.set()

    def wake_listener(self) -> None:
        """The partner may have relayed something."""
        self.listener_due = True
        self._news.set()

    def miss(self) -> None:
        """Relayed frames were lost: a welcome says so, that of a hello in hand if there is one."""
        self.welcome_due = True
        self._news.set()

    def see_peer(self, session_id: SessionId, away: bool) -> None:
        self.peer = Peer(session_id, away)
        self._news.set()

    def peer_away(self, session: LiveSession | None) -> bool:
        """As far as is known: who was not looked up is taken to be there."""
        peer = self.peer
        return (
            session is not None
            and peer is not None
            and peer.session_id == session.session_id
            and peer.away
        )

    def say(self, frame: ServerFrame) -> None:
        """An answer to this client. One that asks but does not read is closed."""
        if len(self.waiting) >= self._frames_waiting_max:
            self.end(TOO_SLOW)
        else:
            self.waiting.append(frame)
            self._news.set()

    def end(self, ending: Ending) -> None:
        """The first ending counts."""
        if self.ending is None:
            self.ending = ending
            self._news.set()

    async def news(self) -> None:
        """Until something was left here since the last call."""
        await self._news.wait()
        self._news.clear()


class Connections:
    """At most one per user: the one with the greatest id."""

    def __init__(self) -> None:
        self._by_user: dict[UserId, Connection] = {}

    def __len__(self) -> int:
        return len(self._by_user)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._by_user.values()))

    def get(self, user_id: UserId) -> Connection | None:
        return self._by_user.get(user_id)

    def add(self, connection: Connection) -> bool:
        """Whether it is the user's one; the one before is ended. False: a greater one is here."""
        present = self._by_user.get(connection.user_id)
        if present is not None:
            if present.id > connection.id:
                return False
            present.end(REPLACED)
        self._by_user[connection.user_id] = connection
        return True

    def remove(self, connection: Connection) -> None:
        if self._by_user.get(connection.user_id) is connection:
            del self._by_user[connection.user_id]

    def offer(self, state: UserState, trace: str = "") -> bool:
        """Whether this user's socket is here; if so it is woken."""
        connection = self._by_user.get(state.user.id)
        if connection is None:
            return False
        connection.offer(state, trace)
        return True
