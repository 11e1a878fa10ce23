"""Frames as JSON text: what a client said, decoded or refused; what the server says, encoded."""

from typing import get_args

import msgspec
from msgspec import Struct

from services.gateway.realtime.protocol.client import ClientFrame
from services.gateway.realtime.protocol.frame import FrameId
from services.gateway.realtime.protocol.server import ServerFrame


class BadFrame(Exception):
    """Not a frame at all: no JSON object with a `type`, or its `id` cannot be echoed."""


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
