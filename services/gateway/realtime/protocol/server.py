"""What the server says: a closed union. Frames that tell a state carry its `version`."""

import enum
from datetime import datetime

from msgspec import UNSET, UnsetType

from services.gateway.realtime.protocol.frame import (
    AboutName,
    Candidate,
    Description,
    ErrorCode,
    Frame,
)
from services.gateway.realtime.protocol.views import IceConfiguration, Limits, SessionView, Topics
from shared.domain import (
    EndedRequest,
    EndedSession,
    Partner,
    PendingRequest,
    Profile,
    RequestEndReason,
    SessionEndReason,
    Turn,
)
from shared.identifiers import RequestId, SessionId, UserId


class Welcome(Frame, frozen=True, kw_only=True, tag="welcome"):
    """The whole present state; replaces whatever the client held.

    Relayed frames beyond `offset` follow; `recovered`: none is missing since `last_offset`.
    """

    user: Profile
    version: int
    heartbeat_s: float
    limits: Limits
    request: PendingRequest | None
    session: SessionView | None
    last_request: EndedRequest | None
    last_session: EndedSession | None
    offset: str = "0-0"
    recovered: bool = True
    id: str | None = None


class Pong(Frame, frozen=True, kw_only=True, tag="pong", omit_defaults=True):
    id: str | None = None


class MatchWaiting(Frame, frozen=True, kw_only=True, tag="match.waiting"):
    """Every 10 s while a request is pending. No honest estimate: null."""

    request_id: RequestId
    waited_s: float
    estimated_wait_s: float | None


class MatchFound(Frame, frozen=True, kw_only=True, tag="match.found"):
    """The request became this session; join it before `join_by`."""

    version: int
    request_id: RequestId
    session_id: SessionId
    partner: Partner
    you_practise: str
    partner_practises: str
    polite: bool
    join_by: datetime
    ice: IceConfiguration


class MatchExpired(Frame, frozen=True, kw_only=True, tag="match.expired"):
    """Nobody fitted in time."""

    version: int
    request_id: RequestId


class MatchCancelled(Frame, frozen=True, kw_only=True, tag="match.cancelled"):
    """The request was taken back: by the user, or because the user was away or is erased."""

    version: int
    request_id: RequestId
    reason: RequestEndReason


class MatchRequeued(Frame, frozen=True, kw_only=True, tag="match.requeued"):
    """`session_id` ended through no fault of this user, who waits again, with the old `since`."""

    version: int
    request_id: RequestId
    session_id: SessionId
    since: datetime
    expires_at: datetime


class SessionConnecting(Frame, frozen=True, kw_only=True, tag="session.connecting"):
    """Both have joined: negotiate. Told again with each greater `generation`: negotiate anew."""

    version: int
    session_id: SessionId
    generation: int
    connect_by: datetime


class SessionActive(Frame, frozen=True, kw_only=True, tag="session.active"):
    """Both hear each other. Told again with each greater `generation`: negotiate anew."""

    version: int
    session_id: SessionId
    generation: int
    active_at: datetime
    ends_at: datetime
    turn: Turn
    topics: Topics


class SessionTurn(Frame, frozen=True, kw_only=True, tag="session.turn"):
    """Now the other language."""

    version: int
    session_id: SessionId
    turn: Turn
    topics: Topics


class SessionEnded(Frame, frozen=True, kw_only=True, tag="session.ended"):
    """The session is over, and with it the request `request_id` that it came from."""

    version: int
    session_id: SessionId
    request_id: RequestId
    reason: SessionEndReason
    duration_s: int
    completed_minimum: bool
    requeued_as: RequestId | None = None
    by_you: bool = False
    practised_s: int = 0
    partner_practised_s: int = 0


StateFrame = (
    MatchFound
    | MatchExpired
    | MatchCancelled
    | MatchRequeued
    | SessionConnecting
    | SessionActive
    | SessionTurn
    | SessionEnded
)


class RelayedSignal(Frame, frozen=True, kw_only=True, tag="signal"):
    """From the partner. Of an older generation: to be ignored."""

    session_id: SessionId
    generation: int
    offset: str
    description: Description | UnsetType = UNSET
    candidate: Candidate | UnsetType | None = UNSET


class RelayedChat(Frame, frozen=True, kw_only=True, tag="chat"):
    """From the partner, or one's own come back: it was relayed. In one order for both."""

    session_id: SessionId
    id: str
    sender: UserId
    text: str
    sent_at: datetime
    offset: str


class PeerAway(Frame, frozen=True, kw_only=True, tag="peer.away"):
    """The partner has no socket at present; the talk itself may go on."""

    session_id: SessionId


class PeerBack(Frame, frozen=True, kw_only=True, tag="peer.back"):
    """The partner has one again."""

    session_id: SessionId


class Ice(Frame, frozen=True, kw_only=True, tag="ice"):
    """The answer to `ice.refresh`."""

    session_id: SessionId
    ice: IceConfiguration
    id: str | None = None


RelayedFrame = RelayedSignal | RelayedChat


class Error(Frame, frozen=True, kw_only=True, tag="error", omit_defaults=True):
    """What was said cannot be done. `code` is stable, `message` is for people, `correlation_id`
    for whoever looks into the logs: it is the socket's."""

    code: ErrorCode
    message: str
    about: dict[AboutName, str] | None = None
    id: str | None = None
    correlation_id: str | None = None


class GoodbyeAction(enum.StrEnum):
    RESUME = "resume"
    STOP = "stop"


class Goodbye(Frame, frozen=True, kw_only=True, tag="goodbye"):
    """The server is about to close: come back after `after_ms`, or do not."""

    action: GoodbyeAction
    after_ms: int


ServerFrame = (
    Welcome
    | Pong
    | MatchWaiting
    | StateFrame
    | RelayedFrame
    | PeerAway
    | PeerBack
    | Ice
    | Error
    | Goodbye
)
