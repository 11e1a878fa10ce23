"""The frames of `parley.v1`: two closed unions of frozen structs, named by their direction.

A client frame may carry an `id`, echoed in what answers it. Unknown fields are ignored, so that
either side may be newer than the other; an unknown `type` is answered with `error unknown-frame`.
"""

import enum
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shared.domain import (
    EndedRequest,
    EndedSession,
    LiveSession,
    Partner,
    PendingRequest,
    Profile,
    RequestEndReason,
    SessionEndReason,
)
from shared.identifiers import RequestId, SessionId

SUBPROTOCOL = "parley.v1"

# An id is an echo, not a place to store things; a JWT of ours is about 300 characters.
FrameId = Annotated[str, Meta(max_length=64)]
Token = Annotated[str, Meta(max_length=4096)]


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

    Said again on an open socket it asks for a fresh `welcome`.
    """

    token: Token | None = None


class Ping(ClientFrameBase, frozen=True, kw_only=True, tag="ping"):
    """Is anybody there?"""


ClientFrame = Hello | Ping


class Limits(Struct, frozen=True, kw_only=True):
    """What the gateway bears of one socket: bytes a frame, frames a second on average."""

    frame_bytes_max: int
    frames_per_s_max: int


class Welcome(Frame, frozen=True, kw_only=True, tag="welcome"):
    """The whole present state; replaces whatever the client held."""

    user: Profile
    version: int
    heartbeat_s: float
    limits: Limits
    request: PendingRequest | None
    session: LiveSession | None
    last_request: EndedRequest | None
    last_session: EndedSession | None
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


class SessionEnded(Frame, frozen=True, kw_only=True, tag="session.ended"):
    """The session is over, and with it the request `request_id` that it came from."""

    version: int
    session_id: SessionId
    request_id: RequestId
    reason: SessionEndReason
    duration_s: int
    completed_minimum: bool
    requeued_as: RequestId | None = None


StateFrame = MatchFound | MatchExpired | MatchCancelled | MatchRequeued | SessionEnded


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


ServerFrame = Welcome | Pong | MatchWaiting | StateFrame | Error | Goodbye


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
_known = frozenset(str(kind.__struct_config__.tag) for kind in (Hello, Ping))


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
