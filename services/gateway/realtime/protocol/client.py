"""What a client says: a closed union. A frame may carry an `id`, echoed in what answers it."""

from msgspec import UNSET, UnsetType

from services.gateway.realtime.protocol.frame import (
    Candidate,
    ChatId,
    ChatText,
    Count,
    Description,
    Frame,
    FrameId,
    Offset,
    Token,
)
from shared.domain import FailReason
from shared.identifiers import SessionId


class ClientFrameBase(Frame, frozen=True, kw_only=True):
    id: FrameId | None = None


class Hello(ClientFrameBase, frozen=True, kw_only=True, tag="hello"):
    """Who is there. The token may come in an Authorization header instead.

    Said again on an open socket it asks for a fresh `welcome`. `last_offset` is that of the last
    relayed frame the client got: what came after it is sent again. "0-0" asks for all there is.
    `last_version` is the greatest version the client was told: nothing older is told again.
    """

    token: Token | None = None
    last_offset: Offset | None = None
    last_version: Count | None = None


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


class Signal(OfSession, frozen=True, kw_only=True, tag="signal"):
    """To the partner: exactly one of the two. A null candidate says that there are no more."""

    generation: Count
    description: Description | UnsetType = UNSET
    candidate: Candidate | UnsetType | None = UNSET


class Chat(OfSession, frozen=True, kw_only=True, tag="chat"):
    """To both. `id` names the message: sent again it is not told again."""

    id: ChatId
    text: ChatText


class IceRefresh(OfSession, frozen=True, kw_only=True, tag="ice.refresh"):
    """Fresh ICE servers, before the credentials expire or for an ICE restart."""


Participation = SessionJoin | SessionDecline | SessionConnected | SessionFailed | SessionLeave
Relayable = Signal | Chat
ClientFrame = Hello | Ping | Participation | Relayable | IceRefresh
