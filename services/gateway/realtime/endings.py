"""How sockets end: what is said last, and the close code."""

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


GONE = Ending(None, "gone")
REPLACED = Ending(CloseCode.REPLACED, "replaced by a newer connection")
TOO_SLOW = Ending(CloseCode.TOO_SLOW, "reading too slowly")
TOO_MANY = Ending(CloseCode.TOO_MANY, "too many frames")
NO_HELLO = Ending(CloseCode.SILENT, "no hello in time")
BAD_FRAME = Ending(
    CloseCode.BAD_FRAME,
    "bad frame",
    (
        Error(
            code="bad-frame",
            message="A frame is a JSON object with a type; its id, if any, is a short text.",
        ),
    ),
)
ERASED = Ending(
    CloseCode.NOT_AUTHENTICATED,
    "erased",
    (Error(code="unknown-user", message="This user was erased."),),
)


def unauthenticated(code: str, message: str, id: str | None = None) -> Ending:
    return Ending(CloseCode.NOT_AUTHENTICATED, code, (Error(code=code, message=message, id=id),))


def goodbye(after_ms: int) -> Ending:
    """Come back after this time."""
    last = Goodbye(action=GoodbyeAction.RESUME, after_ms=after_ms)
    return Ending(CloseCode.RESTARTING, "restarting", (last,))
