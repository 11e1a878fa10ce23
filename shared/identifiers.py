"""Identifiers: UUIDv7 as canonical lower-case text, which sorts by the time of minting."""

import re
from typing import Final, NewType

from uuid_utils import uuid7

UserId = NewType("UserId", str)
RequestId = NewType("RequestId", str)
SessionId = NewType("SessionId", str)
EventId = NewType("EventId", str)
ConnectionId = NewType("ConnectionId", str)
TokenId = NewType("TokenId", str)
ReportId = NewType("ReportId", str)


_CANONICAL: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_id(text: str) -> bool:
    """Whether this has the form of an identifier: what a person typed may not."""
    return _CANONICAL.fullmatch(text) is not None


def new_id() -> str:
    """A fresh UUIDv7, 36 characters."""
    return str(uuid7())


def new_event_id() -> EventId:
    return EventId(new_id())


def minted_at_s(id: str) -> float | None:
    """When a UUIDv7 was minted, seconds since 1970 to the millisecond; None of anything else."""
    if not is_id(id) or id[14] != "7":
        return None
    return int(id[:8] + id[9:13], 16) / 1000
