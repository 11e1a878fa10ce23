"""The life of a chat session: a pure function of what stands and what happens to it."""

from datetime import datetime, timedelta

from msgspec import Struct

from shared.domain import SessionEndReason, SessionStatus
from shared.identifiers import RequestId, SessionId, UserId

REQUEUE_TIME_MIN_S = 60.0
"""A requeue gets at least a minute: the partner's fault must not cost the rest of the chance."""


class Side(Struct, frozen=True, kw_only=True):
    """One of the two in a session.

    `left_s` is what was left of the request's time when it was matched.
    """

    user_id: UserId
    request_id: RequestId
    practises: str
    left_s: float
    joined: bool = False


class Record(Struct, frozen=True, kw_only=True):
    """A session as it stands."""

    session_id: SessionId
    status: SessionStatus
    created_at: datetime
    join_by: datetime
    sides: tuple[Side, Side]
    active_at: datetime | None = None

    @property
    def user_ids(self) -> tuple[UserId, UserId]:
        first, second = self.sides
        return first.user_id, second.user_id


class TimePassed(Struct, frozen=True):
    """It is `now`; a deadline may be over."""

    now: datetime


class Blocked(Struct, frozen=True):
    """One of the two blocked the other."""


class Erased(Struct, frozen=True):
    """This user is no more."""

    user_id: UserId


class WentOffline(Struct, frozen=True):
    """These users have been silent for longer than the grace.

    `partner_away`: whoever is left has shown no sign of life lately either.
    """

    user_ids: frozenset[UserId]
    partner_away: bool = False


Happening = TimePassed | Blocked | Erased | WentOffline


class End(Struct, frozen=True):
    """The session ends; the requests of `requeued` go on, they did nothing wrong."""

    reason: SessionEndReason
    requeued: tuple[Side, ...] = ()


def transition(record: Record, happening: Happening) -> End | None:
    """What becomes of the session; None when nothing does."""
    if record.status is SessionStatus.ENDED:
        return None
    match happening:
        case TimePassed(now):
            return _time_passed(record, now)
        case Blocked():
            return End(SessionEndReason.BLOCKED)
        case Erased(user_id):
            return _gone(record, SessionEndReason.ERASED, frozenset({user_id}))
        case WentOffline(user_ids, partner_away):
            return _gone(record, SessionEndReason.OFFLINE, user_ids, partner_away)


def _time_passed(record: Record, now: datetime) -> End | None:
    if record.status is not SessionStatus.WAITING or now < record.join_by:
        return None
    joined = tuple(side for side in record.sides if side.joined)
    return End(SessionEndReason.ABANDONED, joined)


def _gone(
    record: Record, reason: SessionEndReason, gone: frozenset[UserId], partner_away: bool = False
) -> End | None:
    """Whoever is away is not requeued: another partner would be matched with nobody."""
    if gone.isdisjoint(record.user_ids):
        return None
    stayed = tuple(side for side in record.sides if side.user_id not in gone)
    return End(reason, () if partner_away or _talked(record) else stayed)


def _talked(record: Record) -> bool:
    """Whoever has talked got what the request was for."""
    return record.active_at is not None


def requeue_until(now: datetime, left_s: float) -> datetime:
    """When a requeue expires: after what was left of its line's time, at least 60 s."""
    return now + timedelta(seconds=max(left_s, REQUEUE_TIME_MIN_S))


def duration_s(record: Record, now: datetime) -> int:
    """Whole seconds the two talked; 0 when they never did."""
    if record.active_at is None:
        return 0
    return max(0, int((now - record.active_at).total_seconds()))


def completed_minimum(record: Record, now: datetime, minimum_s: float) -> bool:
    """Whether the two talked, and at least for `minimum_s`."""
    return _talked(record) and duration_s(record, now) >= minimum_s
