"""What partners relay to each other, as it stands in Redis: keys, scripts, entries.

`gateway:{<session>}:relay:<receiver>` is a capped, expiring stream. An entry's id is the offset of
the frame; each entry also names the one before it, so that whoever reads on from an offset sees
whether anything was trimmed or lost in between.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.gateway.realtime.protocol import (
    Chat,
    Relayable,
    RelayedChat,
    RelayedFrame,
    RelayedSignal,
)
from shared.domain import UserState
from shared.identifiers import SessionId, UserId
from shared.memory import Command, Script, command

# Before the first entry of every stream.
BEGINNING = "0-0"
# Redis counts both parts of an id in 64 bits; clients may send greater numbers.
_PART_MAX = 2**63 - 1

_append = Script.load(__package__, "append")
_tail = Script.load(__package__, "tail")
_decoder: msgspec.json.Decoder[Relayable] = msgspec.json.Decoder(Relayable)
_encoder = msgspec.json.Encoder()


def stream_key(session_id: SessionId, receiver: UserId) -> str:
    return f"gateway:{{{session_id}}}:relay:{receiver}"


def over_key(session_id: SessionId) -> str:
    return f"gateway:{{{session_id}}}:over"


def names_key(session_id: SessionId, kind: str) -> str:
    return f"gateway:{{{session_id}}}:said:{kind}"


class Bounds(Struct, frozen=True):
    """How many names and entries a session keeps, and for how long after its last frame."""

    names_max: int
    length_max: int
    lifetime_ms: int


class Saying(Struct, frozen=True):
    """A frame on its way: `name` is unique to it, however often the frame is sent."""

    frame: Relayable
    body: bytes
    name: str


def saying(frame: Relayable, name: str) -> Saying:
    return Saying(frame, _encoder.encode(frame), name)


class Entry(Struct, frozen=True):
    """A frame in a stream. `body` is decoded when its turn comes: text takes more room."""

    offset: str
    before: str
    sender: UserId
    said_at_ms: int
    body: bytes

    def frame(self) -> RelayedFrame:
        said = _decoder.decode(self.body)
        if isinstance(said, Chat):
            return RelayedChat(
                session_id=said.session_id,
                id=said.id,
                sender=self.sender,
                text=said.text,
                sent_at=datetime.fromtimestamp(self.said_at_ms / 1000, UTC),
                offset=self.offset,
            )
        return RelayedSignal(
            session_id=said.session_id,
            generation=said.generation,
            offset=self.offset,
            description=said.description,
            candidate=said.candidate,
        )


def appending(said: Saying, sender: UserId, receivers: Sequence[UserId], bounds: Bounds) -> Command:
    """To all receivers or, once the session is over, to none; once per name.

    Answers 1 appended, 0 said before, -1 over.
    """
    session_id = said.frame.session_id
    kind = str(said.frame.__struct_config__.tag)
    streams = [stream_key(session_id, receiver) for receiver in receivers]
    limits = bounds.names_max, bounds.length_max, bounds.lifetime_ms
    return _append.call(
        [over_key(session_id), names_key(session_id, kind), *streams],
        [said.name, sender, said.body, *limits],
    )


def forgetting(state: UserState, lifetime_ms: int) -> list[Command]:
    """What this state says is over is forgotten, and nothing is appended to it any more.

    The partner's stream goes with the partner's state.
    """
    ended = state.last_session
    if ended is None:
        return []
    id = ended.session_id
    names = [names_key(id, kind) for kind in ("signal", "chat")]
    return [
        command("SET", over_key(id), "1", "PX", lifetime_ms),
        command("DEL", stream_key(id, state.user.id), *names),
    ]


def reading(session_id: SessionId, receiver: UserId, after: str, count: int) -> Command:
    """The answer is for `entries`."""
    key = stream_key(session_id, receiver)
    return command("XREAD", "COUNT", count, "STREAMS", key, sound(after))


def tail_reading(session_id: SessionId, receiver: UserId) -> Command:
    """The offset of the newest entry, None if there is none."""
    return _tail.call([stream_key(session_id, receiver)])


def sound(offset: str) -> str:
    """An offset as Redis writes it; beyond every entry if it is too great to be one."""
    return "-".join(str(min(int(part), _PART_MAX)) for part in offset.split("-"))


def entries(answer: Any) -> list[Entry]:
    if not answer:
        return []
    [[_, found]] = answer
    return [
        Entry(
            id.decode(),
            fields[b"before"].decode(),
            UserId(fields[b"sender"].decode()),
            int(fields[b"at"]),
            fields[b"frame"],
        )
        for id, fields in found
    ]
