"""The events services exchange: one closed union of frozen structs, JSON on the wire.

The tag is the AMQP `type` and the routing key. New fields get defaults; a breaking change is a new
type (`match.found.v2`) read beside the old one. `shared/tests/golden/` keeps a sample of each.
"""

import msgspec

from shared.events.event import Event
from shared.events.history import (
    FeedbackGiven,
    ReportFiled,
    RequestEnded,
    SessionCreated,
    SessionEnded,
    SessionParticipant,
    UserBlocked,
    UserErased,
    UserRegistered,
)
from shared.events.work import (
    MatchFound,
    PairMeasured,
    Participant,
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
    PoolLost,
    PoolMeasured,
    PulseReturned,
    PulseSent,
    Silent,
    StateChanged,
    TicketClosed,
    TicketOpened,
    UserOffline,
)

__all__ = [
    "AnyEvent",
    "Event",
    "FeedbackGiven",
    "MatchFound",
    "PairMeasured",
    "Participant",
    "ParticipantConnected",
    "ParticipantDeclined",
    "ParticipantFailed",
    "ParticipantJoined",
    "ParticipantLeft",
    "PoolLost",
    "PoolMeasured",
    "PulseReturned",
    "PulseSent",
    "ReportFiled",
    "RequestEnded",
    "SessionCreated",
    "SessionEnded",
    "SessionParticipant",
    "Silent",
    "StateChanged",
    "TicketClosed",
    "TicketOpened",
    "UserBlocked",
    "UserErased",
    "UserOffline",
    "UserRegistered",
    "decode",
    "encode",
    "event_type",
]

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
