"""A chat session as it stands: its two sides, their talk and its turns, its end."""

from datetime import datetime, timedelta

from msgspec import Struct

from shared.domain import SessionEndReason, SessionStatus
from shared.identifiers import ConnectionId, RequestId, SessionId, UserId

REQUEUE_TIME_MIN_S = 60.0
"""A requeue gets at least a minute: the partner's fault must not cost the rest of the chance."""


class Side(Struct, frozen=True, kw_only=True):
    """One of the two in a session.

    `left_s` is what was left of the request's time when it was matched, `connection_id` the newest
    connection that joined, `practised_s` the seconds of finished turns in what this side practises.
    """

    user_id: UserId
    request_id: RequestId
    practises: str
    left_s: float
    connection_id: ConnectionId | None = None
    connected: bool = False
    practised_s: int = 0

    @property
    def joined(self) -> bool:
        return self.connection_id is not None


class Talk(Struct, frozen=True, kw_only=True):
    """The two have been talking since `active_at`, in the `turn`-th turn (from 0) now."""

    active_at: datetime
    ends_at: datetime
    turn: int
    turn_since: datetime
    turn_until: datetime


class Ending(Struct, frozen=True, kw_only=True):
    """How a session ended: by whose doing, and whose requests go on, for they did nothing wrong."""

    reason: SessionEndReason
    at: datetime
    by: frozenset[UserId] = frozenset()
    requeued: tuple[Side, ...] = ()


class Record(Struct, frozen=True, kw_only=True):
    """A session as it stands. Turn 0 is in the language that the side numbered `starts` practises.

    `connect_by` is set once both have joined, `talk` once both are connected. Both stay when the
    session ends; what has just ended has its `ending`.
    """

    session_id: SessionId
    status: SessionStatus
    created_at: datetime
    join_by: datetime
    sides: tuple[Side, Side]
    starts: int = 0
    generation: int = 0
    connect_by: datetime | None = None
    talk: Talk | None = None
    ending: Ending | None = None

    @property
    def user_ids(self) -> tuple[UserId, UserId]:
        first, second = self.sides
        return first.user_id, second.user_id

    @property
    def duration_s(self) -> int:
        """Whole seconds the two of an ended session talked; 0 when they never did."""
        if self.talk is None or self.ending is None:
            return 0
        return whole_s(self.talk.active_at, self.ending.at)

    def completed(self, minimum_s: float) -> bool:
        """Whether the two of an ended session talked at least for `minimum_s`."""
        return self.talk is not None and self.ending is not None and self.duration_s >= minimum_s


def whole_s(since: datetime, until: datetime) -> int:
    """Rounded down."""
    return (until - since) // timedelta(seconds=1)


def requeue_until(now: datetime, left_s: float) -> datetime:
    """When a requeue expires: after what was left of its line's time, at least 60 s."""
    return now + timedelta(seconds=max(left_s, REQUEUE_TIME_MIN_S))
