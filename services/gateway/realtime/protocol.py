"""The frames of `parley.v1`: two closed unions of frozen structs, named by their direction.

A client frame may carry an `id`, echoed in what answers it. Unknown fields are ignored, so that
either side may be newer than the other; an unknown `type` is answered with `error unknown-frame`.
"""

import enum
from datetime import datetime
from typing import Annotated, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from shared.domain import (
    EndedRequest,
    EndedSession,
    FailReason,
    Level,
    LiveSession,
    Partner,
    PendingRequest,
    Profile,
    RequestEndReason,
    SessionEndReason,
    Turn,
)
from shared.identifiers import RequestId, SessionId, UserId

SUBPROTOCOL = "parley.v1"

# An id is an echo, not a place to store things; a JWT of ours is about 300 characters.
FrameId = Annotated[str, Meta(max_length=64)]
Token = Annotated[str, Meta(max_length=4096)]
# The id of an entry in a Redis stream: milliseconds and a count.
Offset = Annotated[str, Meta(pattern=r"^[0-9]{1,20}-[0-9]{1,20}$")]
# An offer of audio with its candidates is 1.8 KB, with video 5.5 KB.
Sdp = Annotated[str, Meta(max_length=12_000)]
CandidateLine = Annotated[str, Meta(max_length=1_024)]
MediaId = Annotated[str, Meta(max_length=64)]
# Some sentences; more is a document.
ChatText = Annotated[str, Meta(min_length=1, max_length=2_000)]
ChatId = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class CloseCode(enum.IntEnum):
    """4000 to 4499: come back. 4500 to 4999: do not, or not with the same token."""

    RESTARTING = 4000
    TOO_SLOW = 4008
    SILENT = 4009
    TOO_MANY = 4029
    BAD_FRAME = 4500
    NOT_AUTHENTICATED = 4501
    REPLACED = 4509
    TOO_LARGE = 4513


class Frame(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Anything said on the socket."""


class ClientFrameBase(Frame, frozen=True, kw_only=True):
    id: FrameId | None = None


class Hello(ClientFrameBase, frozen=True, kw_only=True, tag="hello"):
    """Who is there. The token may come in an Authorization header instead.

    Said again on an open socket it asks for a fresh `welcome`. `last_offset` is that of the last
    relayed frame the client got: what came after it is sent again. "0-0" asks for all there is.
    """

    token: Token | None = None
    last_offset: Offset | None = None


class Ping(ClientFrameBase, frozen=True, kw_only=True, tag="ping"):
    """Is anybody there?"""


class OfSession(ClientFrameBase, frozen=True, kw_only=True):
    """Anything said about a live session of one's own."""

    session_id: SessionId


class SessionJoin(OfSession, frozen=True, kw_only=True, tag="session.join"):
    """Ready to talk. Said by a new page in mid-call it begins a new generation."""


class SessionDecline(OfSession, frozen=True, kw_only=True, tag="session.decline"):
    """Not this partner, thank you."""


class SessionConnected(OfSession, frozen=True, kw_only=True, tag="session.connected"):
    """The connection to the partner stands."""


class SessionFailed(OfSession, frozen=True, kw_only=True, tag="session.failed"):
    """It cannot be made, or the microphone is gone."""

    reason: FailReason


class SessionLeave(OfSession, frozen=True, kw_only=True, tag="session.leave"):
    """Hang up."""


class DescriptionType(enum.StrEnum):
    OFFER = "offer"
    ANSWER = "answer"
    PRANSWER = "pranswer"
    ROLLBACK = "rollback"


class Description(Struct, frozen=True):
    """An `RTCSessionDescriptionInit`."""

    type: DescriptionType
    sdp: Sdp = ""


class Candidate(Struct, frozen=True, omit_defaults=True):
    """An `RTCIceCandidateInit`."""

    candidate: CandidateLine
    sdp_mid: MediaId | None = field(name="sdpMid", default=None)
    sdp_m_line_index: Count | None = field(name="sdpMLineIndex", default=None)
    username_fragment: CandidateLine | None = field(name="usernameFragment", default=None)


class Signal(OfSession, frozen=True, kw_only=True, tag="signal"):
    """To the partner: exactly one of the two. A null candidate says that there are no more."""

    generation: Count
    description: Description | UnsetType = UNSET
    candidate: Candidate | None | UnsetType = UNSET


class Chat(OfSession, frozen=True, kw_only=True, tag="chat"):
    """To both. `id` names the message: sent again it is not told again."""

    id: ChatId
    text: ChatText


class IceRefresh(OfSession, frozen=True, kw_only=True, tag="ice.refresh"):
    """Fresh ICE servers, before the credentials expire or for an ICE restart."""


Participation = SessionJoin | SessionDecline | SessionConnected | SessionFailed | SessionLeave
Relayable = Signal | Chat
ClientFrame = Hello | Ping | Participation | Relayable | IceRefresh


class Limits(Struct, frozen=True, kw_only=True):
    """What the gateway bears of one socket: bytes a frame, frames a second on average."""

    frame_bytes_max: int
    frames_per_s_max: int


class IceServer(Struct, frozen=True, omit_defaults=True):
    """An `RTCIceServer`."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class IceTransportPolicy(enum.StrEnum):
    ALL = "all"
    RELAY = "relay"


class IceConfiguration(Struct, frozen=True, kw_only=True):
    """What an `RTCPeerConnection` is made with. The credentials are good until `expires_at`."""

    ice_servers: tuple[IceServer, ...]
    ice_transport_policy: IceTransportPolicy
    expires_at: datetime | None = None


class Topics(Struct, frozen=True, kw_only=True):
    """Things to talk about in a turn, the same for both. `fallback`: there are none in the turn's
    language, so they are English."""

    language: str
    prompts: tuple[str, ...]
    level: Level | None = None
    fallback: bool = False


class SessionView(LiveSession, frozen=True, kw_only=True):
    """The live session with all that a page needs to take part in it."""

    ice: IceConfiguration
    topics: Topics | None = None
    peer_away: bool = False


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
    candidate: Candidate | None | UnsetType = UNSET


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
    """What was said cannot be done. `code` is stable, `message` is for people."""

    code: str
    message: str
    about: dict[str, str] | None = None
    id: str | None = None


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


class BadFrame(Exception):
    """Not a frame at all: no JSON object with a `type`."""


class UnknownFrame(Exception):
    """A frame of a type this version does not know."""

    def __init__(self, type: str, id: str | None) -> None:
        super().__init__(type)
        self.type = type
        self.id = id


class MalformedFrame(Exception):
    """A known type whose fields are wrong; the text says which."""

    def __init__(self, type: str, id: str | None, text: str) -> None:
        super().__init__(text)
        self.type = type
        self.id = id


class _Envelope(Struct, frozen=True):
    type: str
    id: FrameId | None = None


_envelope: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)
_client: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_encoder = msgspec.json.Encoder()
_known = frozenset(str(kind.__struct_config__.tag) for kind in get_args(ClientFrame))


def decode(text: str | bytes) -> ClientFrame:
    """What the client said. Raises `BadFrame`, `UnknownFrame` or `MalformedFrame`."""
    try:
        envelope = _envelope.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(str(error)) from None
    if envelope.type not in _known:
        raise UnknownFrame(envelope.type, envelope.id)
    try:
        return _client.decode(text)
    except msgspec.ValidationError as error:
        raise MalformedFrame(envelope.type, envelope.id, str(error)) from None


def encode(frame: ServerFrame) -> str:
    """The frame as JSON text, type first."""
    return _encoder.encode(frame).decode()
