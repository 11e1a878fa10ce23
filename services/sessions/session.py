"""The life of a chat session: a pure function of what stands and what happens to it."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from services.sessions.record import Ending, Record, Side, Talk, whole_s
from shared.domain import FailReason, SessionEndReason, SessionStatus
from shared.events import (
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
)
from shared.identifiers import ConnectionId, UserId


class Limits(Struct, frozen=True, kw_only=True):
    """How long each part of a session may take, in seconds."""

    connect_timeout_s: float
    turn_s: float
    maximum_s: float


class TimePassed(Struct, frozen=True):
    """A deadline may be over."""


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


Act = (
    ParticipantJoined
    | ParticipantConnected
    | ParticipantDeclined
    | ParticipantFailed
    | ParticipantLeft
)
Happening = TimePassed | Blocked | Erased | WentOffline | Act


def transition(record: Record, happening: Happening, now: datetime, limits: Limits) -> Record:
    """What becomes of the session; the very same record when nothing does.

    A clock that was set back does not set back a session.
    """
    if record.status is SessionStatus.ENDED:
        return record
    now = max(now, record.talk.turn_since if record.talk else record.created_at)
    match happening:
        case TimePassed():
            return _time_passed(record, now, limits)
        case Blocked():
            return _ended(record, SessionEndReason.BLOCKED, now, requeue=False)
        case Erased(user_id):
            return _gone(record, SessionEndReason.ERASED, now, frozenset({user_id}))
        case WentOffline(user_ids, partner_away):
            return _gone(record, SessionEndReason.OFFLINE, now, user_ids, partner_away)
        case _:
            return _acted(record, happening, now, limits)


def _time_passed(record: Record, now: datetime, limits: Limits) -> Record:
    talk = record.talk
    if talk is not None and now >= talk.ends_at:
        return _ended(record, SessionEndReason.MAXIMUM, now)
    if talk is not None and now >= talk.turn_until:
        following = _turn(talk.turn + 1, now, talk.active_at, talk.ends_at, limits)
        return replace(record, sides=_practised(record, now), talk=following)
    if record.status is SessionStatus.WAITING and now >= record.join_by:
        absent = frozenset(side.user_id for side in record.sides if not side.joined)
        return _ended(record, SessionEndReason.ABANDONED, now, absent)
    if record.status is SessionStatus.CONNECTING and record.connect_by and now >= record.connect_by:
        return _ended(record, SessionEndReason.FAILED, now)
    return record


def _gone(
    record: Record,
    reason: SessionEndReason,
    now: datetime,
    gone: frozenset[UserId],
    partner_away: bool = False,
) -> Record:
    """Whoever is away is not requeued: another partner would be matched with nobody."""
    by = gone.intersection(record.user_ids)
    return _ended(record, reason, now, by, requeue=not partner_away) if by else record


def _acted(record: Record, act: Act, now: datetime, limits: Limits) -> Record:
    """What a page does that a newer page of the same user has replaced, says nothing any more."""
    side = next((each for each in record.sides if each.user_id == act.user_id), None)
    if side is None or (side.connection_id is not None and act.connection_id < side.connection_id):
        return record
    by = frozenset({act.user_id})
    match act:
        case ParticipantJoined():
            return _joined(record, side, act.connection_id, False, now, limits)
        case ParticipantConnected():
            return _joined(record, side, act.connection_id, True, now, limits)
        case ParticipantDeclined() if record.status is SessionStatus.WAITING:
            return _ended(record, SessionEndReason.DECLINED, now, by)
        case ParticipantDeclined() | ParticipantLeft():
            return _ended(record, SessionEndReason.LEFT, now, by)
        case ParticipantFailed(reason=reason):
            at_fault = by if reason is FailReason.MICROPHONE else frozenset[UserId]()
            return _ended(record, SessionEndReason.FAILED, now, at_fault)


def _joined(
    record: Record,
    side: Side,
    connection_id: ConnectionId,
    connected: bool,
    now: datetime,
    limits: Limits,
) -> Record:
    """A newer page begins anew, together with the partner; a talk goes on meanwhile.

    Who is connected on a newer connection without having joined there merely lost the socket:
    there is nothing to negotiate.
    """
    generation = record.generation
    if connection_id != side.connection_id:
        if not (connected and side.joined):
            generation += 1
        connected = connected or record.status is SessionStatus.ACTIVE
        joined = replace(side, connection_id=connection_id, connected=connected)
    elif connected and not side.connected:
        joined = replace(side, connected=True)
    else:
        return record
    first, second = (joined if each is side else each for each in record.sides)
    record = replace(record, sides=(first, second), generation=generation)
    return _advanced(record, now, limits)


def _advanced(record: Record, now: datetime, limits: Limits) -> Record:
    """Connecting once both have joined, and active once both are connected."""
    if record.status is SessionStatus.WAITING and all(side.joined for side in record.sides):
        connect_by = now + timedelta(seconds=limits.connect_timeout_s)
        record = replace(record, status=SessionStatus.CONNECTING, connect_by=connect_by)
    if record.status is SessionStatus.CONNECTING and all(side.connected for side in record.sides):
        ends_at = now + timedelta(seconds=limits.maximum_s)
        talk = _turn(0, now, now, ends_at, limits)
        record = replace(record, status=SessionStatus.ACTIVE, talk=talk)
    return record


def _turn(
    number: int, now: datetime, active_at: datetime, ends_at: datetime, limits: Limits
) -> Talk:
    """The talk with a turn that begins now, and ends with the talk at the latest."""
    until = min(now + timedelta(seconds=limits.turn_s), ends_at)
    return Talk(active_at=active_at, ends_at=ends_at, turn=number, turn_since=now, turn_until=until)


def _ended(
    record: Record,
    reason: SessionEndReason,
    now: datetime,
    by: frozenset[UserId] = frozenset(),
    requeue: bool = True,
) -> Record:
    """Whoever has talked got what the request was for, and whoever ended it wanted that."""
    sides = _practised(record, now)
    goes_on = requeue and record.talk is None
    requeued = tuple(side for side in sides if goes_on and side.user_id not in by)
    ending = Ending(reason=reason, at=now, by=by, requeued=requeued)
    return replace(record, status=SessionStatus.ENDED, sides=sides, ending=ending)


def _practised(record: Record, now: datetime) -> tuple[Side, Side]:
    """The sides with the turn that ends now counted.

    A turn has the whole seconds of the talk at its end less those at its beginning, so that the
    turns add up to the talk to the second.
    """
    talk, (first, second) = record.talk, record.sides
    if talk is None:
        return first, second
    turn_s = whole_s(talk.active_at, now) - whole_s(talk.active_at, talk.turn_since)
    if (record.starts + talk.turn) % 2 == 0:
        return replace(first, practised_s=first.practised_s + turn_s), second
    return first, replace(second, practised_s=second.practised_s + turn_s)
