"""The domain's history, for whoever listens: other services bind queues of their own to it."""

from datetime import datetime

from msgspec import Struct

from shared.domain import (
    FeedbackTag,
    ReportReason,
    RequestEndReason,
    RequestStatus,
    SessionEndReason,
)
from shared.events.event import Event
from shared.identifiers import ReportId, RequestId, SessionId, UserId


class RequestEnded(Event, frozen=True, kw_only=True, tag="request.ended"):
    """sessions → other services: a match request left `pending`."""

    request_id: RequestId
    user_id: UserId
    status: RequestStatus
    reason: RequestEndReason
    waited_s: float
    at: datetime
    session_id: SessionId | None = None


class SessionParticipant(Struct, frozen=True, kw_only=True):
    """One side of a session in the domain's history. `practised_s`: turns in that language."""

    user_id: UserId
    request_id: RequestId
    practises: str
    practised_s: int = 0


class SessionCreated(Event, frozen=True, kw_only=True, tag="session.created"):
    """sessions → other services: a match was accepted."""

    session_id: SessionId
    participants: tuple[SessionParticipant, SessionParticipant]
    score: int
    at: datetime


class SessionEnded(Event, frozen=True, kw_only=True, tag="session.ended"):
    """sessions → other services: a chat session is over."""

    session_id: SessionId
    participants: tuple[SessionParticipant, SessionParticipant]
    reason: SessionEndReason
    duration_s: int
    completed_minimum: bool
    at: datetime


class UserRegistered(Event, frozen=True, kw_only=True, tag="user.registered"):
    """sessions → other services: somebody new."""

    user_id: UserId
    native_languages: tuple[str, ...]
    practice_languages: tuple[str, ...]
    at: datetime


class UserErased(Event, frozen=True, kw_only=True, tag="user.erased"):
    """sessions → other services: forget this user."""

    user_id: UserId
    at: datetime


class UserBlocked(Event, frozen=True, kw_only=True, tag="user.blocked"):
    """sessions → other services: `user_id` does not want to meet `blocked_id`."""

    user_id: UserId
    blocked_id: UserId
    at: datetime


class FeedbackGiven(Event, frozen=True, kw_only=True, tag="feedback.given"):
    """sessions → other services: a participant rated a session, 1 to 5."""

    session_id: SessionId
    user_id: UserId
    partner_id: UserId
    rating: int
    tags: tuple[FeedbackTag, ...]
    at: datetime


class ReportFiled(Event, frozen=True, kw_only=True, tag="report.filed"):
    """sessions → other services: somebody should look at what a user did. No details: they stay
    in Postgres, for moderators."""

    report_id: ReportId
    reporter_id: UserId
    reported_id: UserId
    session_id: SessionId
    reason: ReportReason
    at: datetime
