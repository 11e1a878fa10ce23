"""How sockets end: what is said last, and the close code.

Whoever still reads hears goodbye first: come back, or do not. The code tells the same, and why.
"""

from msgspec import Struct

from services.gateway.realtime.protocol import (
    CloseCode,
    Error,
    Goodbye,
    GoodbyeAction,
    ServerFrame,
)


class Ending(Struct, frozen=True):
    """No code: it is gone already."""

    code: CloseCode | None
    reason: str = ""
    last_words: tuple[ServerFrame, ...] = ()


class Closing(Exception):
    """A socket is to be closed; raised where that is found out."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


def _ending(code: CloseCode, reason: str, *words: ServerFrame, after_ms: int = 0) -> Ending:
    """`words`, then goodbye: below 4500 to come back after this time, else to stay away."""
    action = GoodbyeAction.RESUME if code < 4500 else GoodbyeAction.STOP
    return Ending(code, reason, (*words, Goodbye(action=action, after_ms=after_ms)))


# Who sent too many frames in one second may well behave in the next.
CALM_DOWN_MS = 1_000

GONE = Ending(None, "gone")
TOO_SLOW = Ending(CloseCode.TOO_SLOW, "reading too slowly")  # does not read: would not hear it
REPLACED = _ending(CloseCode.REPLACED, "replaced by a newer connection")
TOO_MANY = _ending(CloseCode.TOO_MANY, "too many frames", after_ms=CALM_DOWN_MS)
NO_HELLO = _ending(CloseCode.SILENT, "no hello in time")
BAD_FRAME = _ending(
    CloseCode.BAD_FRAME,
    "bad frame",
    Error(
        code="bad-frame",
        message="A frame is a JSON object with a type; its id, if any, is a short text.",
    ),
)
ERASED = _ending(
    CloseCode.NOT_AUTHENTICATED,
    "erased",
    Error(code="unknown-user", message="This user was erased."),
)


def unauthenticated(code: str, message: str, id: str | None = None) -> Ending:
    return _ending(CloseCode.NOT_AUTHENTICATED, code, Error(code=code, message=message, id=id))


def goodbye(after_ms: int) -> Ending:
    """Come back after this time."""
    return _ending(CloseCode.RESTARTING, "restarting", after_ms=after_ms)
