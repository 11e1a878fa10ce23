"""The one tree of operating errors, raised where they happen and mapped once, at the edge.

ParleyError
├── SettingsError     a setting is missing or malformed: the start stops and names it
├── TopologyMismatch  the broker holds a queue or exchange declared otherwise: the start stops
├── Unavailable       no answer in time: 503 with Retry-After, or held and retried
├── Refused           what was asked cannot be done: an HTTP problem or an error frame
└── Rejected          a message is itself at fault: straight to the dead letters

Anything else that escapes is a programmer's error: in a handler it counts against the message
(`HANDLER_FAILURES_MAX` times, then the dead letters), elsewhere it ends the process.
"""

from collections.abc import Mapping


class ParleyError(Exception):
    """Root of every error that Parley expects in operation."""


class SettingsError(ParleyError):
    """A setting is missing or malformed; the text names it and says what was expected."""


class TopologyMismatch(ParleyError):
    """The broker already holds a queue or exchange of that name with other arguments."""


class Unavailable(ParleyError):
    """A server or service did not answer in time. Nothing is known to have happened."""

    def __init__(self, what: str, retry_after_s: float = 2.0) -> None:
        super().__init__(f"{what} is unavailable")
        self.what = what
        self.retry_after_s = retry_after_s


class Refused(ParleyError):
    """What was asked for cannot be done; nothing was changed.

    `code` is stable and is the last part of the problem's `type`; `about` names what it concerns
    (for example `{"request_id": …}` of the request that is already pending).
    """

    def __init__(self, code: str, detail: str, about: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.about = dict(about or {})


class Rejected(ParleyError):
    """A message that no retry can help: malformed, of an unknown type, or oversized."""
