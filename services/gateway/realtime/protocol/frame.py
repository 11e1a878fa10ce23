"""What frames of both directions are made of, and how the socket is closed."""

import enum
from typing import Annotated

from msgspec import Meta, Struct, field

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

# What stands in the contract; a frame of a newer sessions may still say more.
ERROR_CODES = (
    "bad-frame",
    "expired-token",
    "hello-first",
    "invalid-frame",
    "invalid-token",
    "missing-token",
    "not-connecting",
    "too-many-messages",
    "too-many-signals",
    "unavailable",
    "unknown-frame",
    "unknown-session",
    "unknown-user",
    "wrong-generation",
)
ABOUT = ("generation", "retry_after_s", "session_id", "type")
ErrorCode = Annotated[str, Meta(extra_json_schema={"enum": ERROR_CODES})]
AboutName = Annotated[str, Meta(extra_json_schema={"enum": ABOUT})]


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
