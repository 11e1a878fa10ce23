"""Identifiers: UUIDv7 as canonical lower-case text, which sorts by the time of minting."""

from typing import NewType

from uuid_utils import uuid7

UserId = NewType("UserId", str)
RequestId = NewType("RequestId", str)
SessionId = NewType("SessionId", str)
EventId = NewType("EventId", str)
ConnectionId = NewType("ConnectionId", str)
TokenId = NewType("TokenId", str)


def new_id() -> str:
    """A fresh UUIDv7, 36 characters."""
    return str(uuid7())


def new_event_id() -> EventId:
    return EventId(new_id())
