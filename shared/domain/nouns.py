"""What there is: profiles, tickets, requests, sessions, and the state of a user."""

from datetime import datetime

from msgspec import Struct

from shared.domain.vocabulary import (
    Level,
    RequestEndReason,
    RequestStatus,
    SessionEndReason,
    SessionStatus,
)
from shared.identifiers import RequestId, SessionId, UserId


class Practice(Struct, frozen=True):
    """A language someone practises: a normalised BCP 47 tag and how well they speak it."""

    language: str
    level: Level


class Profile(Struct, frozen=True, kw_only=True):
    """A user as that user sees it. Erased users have an empty name and no languages."""

    id: UserId
    display_name: str
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    interests: tuple[str, ...]
    relay_only: bool
    created_at: datetime


class Partner(Struct, frozen=True, kw_only=True):
    """A user as the partner in a session sees it."""

    id: UserId
    display_name: str
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    shared_interests: tuple[str, ...]


class Ticket(Struct, frozen=True, kw_only=True):
    """What the pool holds of a pending request. (request_id, attempt) is its identity.

    `avoid` names whom this user must not meet: the earlier partners of the line, whom the user
    blocked, and the newest of those who blocked the user, as far as there is room; two may not meet
    if either ticket names the other. `since` is when the user began to wait, also across requeues.
    """

    request_id: RequestId
    attempt: int
    user_id: UserId
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    interests: tuple[str, ...]
    avoid: tuple[UserId, ...]
    since: datetime
    expires_at: datetime


class MatchSide(Struct, frozen=True, kw_only=True):
    """One of the two tickets of a match, with the language its user will practise."""

    request_id: RequestId
    attempt: int
    user_id: UserId
    practises: str


class PendingRequest(Struct, frozen=True, kw_only=True):
    """The open request of a user. `requeued_from` names the session it follows, if any."""

    request_id: RequestId
    since: datetime
    expires_at: datetime
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    requeued_from: SessionId | None = None


class EndedRequest(Struct, frozen=True, kw_only=True):
    """How the last request of a user ended. `session_id` is the session a match became."""

    request_id: RequestId
    status: RequestStatus
    reason: RequestEndReason
    ended_at: datetime
    session_id: SessionId | None = None


class Turn(Struct, frozen=True, kw_only=True):
    """Whose language it is: `language` is spoken from `since` until `until`.

    Turns count from 0. `level` is that of whoever practises the language.
    """

    number: int
    language: str
    since: datetime
    until: datetime
    level: Level | None = None


class LiveSession(Struct, frozen=True, kw_only=True):
    """The live session of a user, from that user's side.

    `polite` is this user's role in WebRTC's perfect negotiation. `generation` rises with every
    join of a newer connection of either side: both then negotiate anew. `join_by` is the deadline
    for both to join, `connect_by` the one for both to be connected (set once connecting),
    `ends_at` that of the talk (set once active). `relay_only`: one of the two does not want to
    show an address.
    """

    session_id: SessionId
    request_id: RequestId
    status: SessionStatus
    partner: Partner
    you_practise: str
    partner_practises: str
    polite: bool
    join_by: datetime
    generation: int = 0
    joined: bool = False
    partner_joined: bool = False
    relay_only: bool = False
    connect_by: datetime | None = None
    active_at: datetime | None = None
    ends_at: datetime | None = None
    turn: Turn | None = None


class EndedSession(Struct, frozen=True, kw_only=True):
    """How the last session of a user ended. `requeued_as` is the request that followed, if any.

    `by_you`: it ended by what this user did or failed to do (left, declined, never joined, was
    away). `practised_s` are the seconds of turns in the language this user practises.
    """

    session_id: SessionId
    request_id: RequestId
    reason: SessionEndReason
    ended_at: datetime
    duration_s: int
    completed_minimum: bool
    requeued_as: RequestId | None = None
    by_you: bool = False
    practised_s: int = 0
    partner_practised_s: int = 0


class UserState(Struct, frozen=True, kw_only=True):
    """What a user has open and how the last of each ended; a greater version is later.

    At most one of `request` and `session` is set.
    """

    version: int
    user: Profile
    request: PendingRequest | None = None
    session: LiveSession | None = None
    last_request: EndedRequest | None = None
    last_session: EndedSession | None = None
    erased: bool = False


class RequestRecord(Struct, frozen=True, kw_only=True):
    """What became of one request. `reason` and `ended_at` are null while it is pending."""

    request_id: RequestId
    status: RequestStatus
    since: datetime
    expires_at: datetime
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    reason: RequestEndReason | None = None
    ended_at: datetime | None = None
    session_id: SessionId | None = None


class SessionRecord(Struct, frozen=True, kw_only=True):
    """One chat session of a user's own history, from that user's side.

    `rating` is what this user gave it. `practised_s` are the seconds of turns in the language
    this user practises, `partner_practised_s` those in the other.
    """

    session_id: SessionId
    status: SessionStatus
    partner: Partner
    you_practise: str
    partner_practises: str
    created_at: datetime
    ended_at: datetime | None = None
    reason: SessionEndReason | None = None
    duration_s: int | None = None
    completed_minimum: bool = False
    active_at: datetime | None = None
    by_you: bool = False
    practised_s: int = 0
    partner_practised_s: int = 0
    rating: int | None = None


class Idempotency(Struct, frozen=True, kw_only=True):
    """The `Idempotency-Key` of a POST: unique per user and operation (`POST /match/request`)."""

    key: str
    operation: str
    body_sha256: str
