"""What server frames show: limits, ICE servers, topics, the live session."""

import enum
from datetime import datetime

from msgspec import Struct

from shared.domain import Level, LiveSession


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
