"""The events by which the services work together."""

from datetime import datetime

from msgspec import Struct

from shared.domain import FailReason, MatchSide, Ticket, UserState
from shared.events.event import Event
from shared.identifiers import ConnectionId, RequestId, SessionId, UserId


class TicketOpened(Event, frozen=True, kw_only=True, tag="ticket.opened"):
    """sessions → matcher: this ticket waits. Told again, `repeated`, while the request pends."""

    ticket: Ticket
    repeated: bool = False


class TicketClosed(Event, frozen=True, kw_only=True, tag="ticket.closed"):
    """sessions → matcher: take the request out of the pool (cancelled or expired)."""

    request_id: RequestId
    expires_at: datetime


class MatchFound(Event, frozen=True, kw_only=True, tag="match.found"):
    """matcher → sessions: a claimed pair. `match_id` becomes the session's id."""

    match_id: SessionId
    sides: tuple[MatchSide, MatchSide]
    score: int


class PoolLost(Event, frozen=True, kw_only=True, tag="pool.lost"):
    """matcher → sessions: Redis came back empty or old; repeat what is pending."""

    epoch: str


class PairMeasured(Struct, frozen=True, kw_only=True):
    """One language pair: tickets native in `native` practising `practice`.

    `recent_waits_s` are the last waits (seconds) of tickets that were matched in this bucket,
    at most 20, newest last.
    """

    native: str
    practice: str
    waiting: int
    recent_waits_s: tuple[float, ...] = ()


class PoolMeasured(Event, frozen=True, kw_only=True, tag="pool.measured"):
    """matcher → gateway: the pool per language pair, once a sweep."""

    measured_at: datetime
    pairs: tuple[PairMeasured, ...]


class StateChanged(Event, frozen=True, kw_only=True, tag="state.changed"):
    """sessions → gateway: the present state of one or two users. Repeated while one is open."""

    states: tuple[UserState, ...]


class Participant(Event, frozen=True, kw_only=True):
    """gateway → sessions: what a participant of a session did, on which connection."""

    session_id: SessionId
    user_id: UserId
    connection_id: ConnectionId


class ParticipantJoined(Participant, frozen=True, kw_only=True, tag="participant.joined"):
    """Ready to talk. From a newer connection: ready again, and both negotiate anew."""


class ParticipantDeclined(Participant, frozen=True, kw_only=True, tag="participant.declined"):
    """Does not want this partner. Once the partner has joined too, it means leaving."""


class ParticipantConnected(Participant, frozen=True, kw_only=True, tag="participant.connected"):
    """Hears the partner. Says that this connection has joined, too."""


class ParticipantFailed(Participant, frozen=True, kw_only=True, tag="participant.failed"):
    """Cannot talk."""

    reason: FailReason


class ParticipantLeft(Participant, frozen=True, kw_only=True, tag="participant.left"):
    """Hung up."""


class Silent(Struct, frozen=True, kw_only=True):
    """A user silent for longer than the grace, and what was open when that was read.

    `partner_away`: the partner in the session has shown no sign of life lately either.
    """

    user_id: UserId
    request_id: RequestId | None = None
    session_id: SessionId | None = None
    partner_away: bool = False


class UserOffline(Event, frozen=True, kw_only=True, tag="user.offline"):
    """gateway → sessions: up to 500 users silent for longer than the grace at `read_at`."""

    users: tuple[Silent, ...]
    read_at: datetime


class PulseSent(Event, frozen=True, kw_only=True, tag="pulse.sent"):
    """sessions → gateway: is the way round open? Sent once a second."""

    sent_at: datetime


class PulseReturned(Event, frozen=True, kw_only=True, tag="pulse.returned"):
    """gateway → sessions: the pulse came through RabbitMQ and Redis."""

    sent_at: datetime
