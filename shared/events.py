"""The events services exchange: one closed union of frozen structs, JSON on the wire.

The tag is the AMQP `type` and the routing key. New fields get defaults; a breaking change is a new
type (`match.found.v2`) read beside the old one. `shared/tests/golden/` keeps a sample of each.
"""

from datetime import datetime

import msgspec
from msgspec import Struct, field

from shared.domain import (
    FailReason,
    FeedbackTag,
    MatchSide,
    ReportReason,
    RequestEndReason,
    RequestStatus,
    SessionEndReason,
    Ticket,
    UserState,
)
from shared.identifiers import (
    ConnectionId,
    EventId,
    ReportId,
    RequestId,
    SessionId,
    UserId,
    new_event_id,
)


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries. `correlation_id` is the request or call that began it."""

    event_id: EventId = field(default_factory=new_event_id)
    correlation_id: str


class TicketOpened(Event, frozen=True, kw_only=True, tag="ticket.opened"):
    """sessions → matcher: this ticket waits. Repeated while the request is pending."""

    ticket: Ticket


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


class RequestEnded(Event, frozen=True, kw_only=True, tag="request.ended"):
    """sessions → other services: a match request left `pending`."""

    request_id: RequestId
    user_id: UserId
    status: RequestStatus
    reason: RequestEndReason
    waited_s: float
    at: datetime
    session_id: SessionId | None = None


class SessionParticipant(Struct, frozen=True, kw_only=True):
    """One side of a session in the domain's history. `practised_s`: turns in that language."""

    user_id: UserId
    request_id: RequestId
    practises: str
    practised_s: int = 0


class SessionCreated(Event, frozen=True, kw_only=True, tag="session.created"):
    """sessions → other services: a match was accepted."""

    session_id: SessionId
    participants: tuple[SessionParticipant, SessionParticipant]
    score: int
    at: datetime


class SessionEnded(Event, frozen=True, kw_only=True, tag="session.ended"):
    """sessions → other services: a chat session is over."""

    session_id: SessionId
    participants: tuple[SessionParticipant, SessionParticipant]
    reason: SessionEndReason
    duration_s: int
    completed_minimum: bool
    at: datetime


class UserRegistered(Event, frozen=True, kw_only=True, tag="user.registered"):
    """sessions → other services: somebody new."""

    user_id: UserId
    native_languages: tuple[str, ...]
    practice_languages: tuple[str, ...]
    at: datetime


class UserErased(Event, frozen=True, kw_only=True, tag="user.erased"):
    """sessions → other services: forget this user."""

    user_id: UserId
    at: datetime


class UserBlocked(Event, frozen=True, kw_only=True, tag="user.blocked"):
    """sessions → other services: `user_id` does not want to meet `blocked_id`."""

    user_id: UserId
    blocked_id: UserId
    at: datetime


class FeedbackGiven(Event, frozen=True, kw_only=True, tag="feedback.given"):
    """sessions → other services: a participant rated a session, 1 to 5."""

    session_id: SessionId
    user_id: UserId
    partner_id: UserId
    rating: int
    tags: tuple[FeedbackTag, ...]
    at: datetime


class ReportFiled(Event, frozen=True, kw_only=True, tag="report.filed"):
    """sessions → other services: somebody should look at what a user did. No details: they stay
    in Postgres, for moderators."""

    report_id: ReportId
    reporter_id: UserId
    reported_id: UserId
    session_id: SessionId
    reason: ReportReason
    at: datetime


AnyEvent = (
    TicketOpened
    | TicketClosed
    | MatchFound
    | PoolLost
    | PoolMeasured
    | StateChanged
    | ParticipantJoined
    | ParticipantDeclined
    | ParticipantConnected
    | ParticipantFailed
    | ParticipantLeft
    | UserOffline
    | PulseSent
    | PulseReturned
    | RequestEnded
    | SessionCreated
    | SessionEnded
    | UserRegistered
    | UserErased
    | UserBlocked
    | FeedbackGiven
    | ReportFiled
)

_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def event_type(event: AnyEvent | type[AnyEvent]) -> str:
    """The tag: AMQP type and routing key, for example `match.found`."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def encode(event: AnyEvent) -> bytes:
    """The event as JSON, tag first."""
    return msgspec.json.encode(event)


def decode(body: bytes) -> AnyEvent:
    """The event in `body`. Raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return _decoder.decode(body)
