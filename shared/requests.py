"""What the gateway asks and sessions answers: typed request/reply, JSON over AMQP.

Each request names its answer: `GetState` is a `Request[UserState]`, so that
`await bus.ask(GetState(user_id=…))` is a `UserState`, or raises `Refused` or `Unavailable`.
The codes of `Refused` stand beside the request that may raise them.
"""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from shared.domain import (
    FeedbackTag,
    Idempotency,
    Practice,
    Profile,
    ReportReason,
    RequestRecord,
    SessionRecord,
    UserState,
)
from shared.identifiers import ReportId, RequestId, SessionId, TokenId, UserId

A = TypeVar("A")
Versions = dict[Annotated[UserId, Meta(extra_json_schema={"format": "uuid"})], int]  # By user.


class Request(Struct, Generic[A], frozen=True, kw_only=True, tag_field="type"):
    """Something asked; `A` is what answers it."""


class Done(Struct, frozen=True):
    """The answer when there is nothing to say."""


class RegisterUser(Request[Profile], frozen=True, kw_only=True, tag="user.register"):
    """A new user with a first refresh token, minted by the asker."""

    user_id: UserId
    display_name: str
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    interests: tuple[str, ...]
    relay_only: bool
    token_id: TokenId
    token_expires_in_s: int


class GetProfile(Request[Profile], frozen=True, kw_only=True, tag="user.get"):
    """Refused: `unknown-user` (also once erased)."""

    user_id: UserId


class ChangeProfile(Request[UserState], frozen=True, kw_only=True, tag="user.change"):
    """Only what is set changes. Refused: `unknown-user`, `languages-overlap`.

    A pending request keeps the languages it was opened with.
    """

    user_id: UserId
    display_name: str | UnsetType = UNSET
    native_languages: tuple[str, ...] | UnsetType = UNSET
    practice_languages: tuple[Practice, ...] | UnsetType = UNSET
    interests: tuple[str, ...] | UnsetType = UNSET
    relay_only: bool | UnsetType = UNSET


class EraseUser(Request[UserState], frozen=True, kw_only=True, tag="user.erase"):
    """Blank the user; ends what is open; answers the erased state. Refused: `unknown-user`."""

    user_id: UserId


class RotateToken(Request[Done], frozen=True, kw_only=True, tag="token.rotate"):
    """Exchange a refresh token for a successor minted by the asker.

    The first use of a token revokes its predecessor; a token used again before its successor was
    used gets another successor in place of the unused one. A token whose successor has been used is
    a stolen or stale one: the whole family is revoked. Refused: `token-revoked`.
    """

    user_id: UserId
    token_id: TokenId
    successor_id: TokenId
    successor_expires_in_s: int


class RequestOpened(Struct, frozen=True, kw_only=True):
    """`replayed`: the idempotency key was seen before, and the record is the present one."""

    request: RequestRecord
    state: UserState
    replayed: bool = False


class OpenRequest(Request[RequestOpened], frozen=True, kw_only=True, tag="request.open"):
    """Ask for a partner. Languages left out are the profile's; `timeout_s` is set by the asker.

    Refused: `unknown-user`, `request-pending` (about request_id), `session-live` (about
    session_id), `languages-overlap` (given and profile languages together), `idempotency-mismatch`,
    `relay-unavailable` (the profile is `relay_only`, and the asker has no relays: `can_relay`).
    """

    user_id: UserId
    timeout_s: float
    native_languages: tuple[str, ...] | None = None
    practice_languages: tuple[Practice, ...] | None = None
    idempotency: Idempotency | None = None
    can_relay: bool = True


class CancelRequest(Request[UserState], frozen=True, kw_only=True, tag="request.cancel"):
    """End the pending request. Refused: `no-request` (404), `unknown-user`, `already-matched`
    (409, about session_id and request_id: the session it became is still live)."""

    user_id: UserId


class GetRequest(Request[RequestRecord], frozen=True, kw_only=True, tag="request.get"):
    """One of the user's own requests. Refused: `unknown-request`."""

    user_id: UserId
    request_id: RequestId


class GetState(Request[UserState], frozen=True, kw_only=True, tag="state.get"):
    """The user's present state in one snapshot. Refused: `unknown-user` if never registered;
    an erased user is answered with the erased state."""

    user_id: UserId


class GetVersions(Request[Versions], frozen=True, kw_only=True, tag="state.versions"):
    """The versions of up to 500 users; unknown users are left out."""

    user_ids: tuple[UserId, ...]


class SessionPage(Struct, frozen=True, kw_only=True):
    """Newest first. `next_before` is the cursor of the next page, null on the last."""

    sessions: tuple[SessionRecord, ...]
    next_before: SessionId | None = None


class ListSessions(Request[SessionPage], frozen=True, kw_only=True, tag="session.list"):
    """The user's own history, newest first, `before` a session id (exclusive)."""

    user_id: UserId
    limit: int
    before: SessionId | None = None


class GetSession(Request[SessionRecord], frozen=True, kw_only=True, tag="session.get"):
    """One of the user's own sessions. Refused: `unknown-session`."""

    user_id: UserId
    session_id: SessionId


class GiveFeedback(Request[Done], frozen=True, kw_only=True, tag="feedback.give"):
    """Rate an own session that is over, once; the same words again are no error. Refused:
    `unknown-session`, `session-live`, `never-talked`, `feedback-given`, `idempotency-mismatch`.
    """

    user_id: UserId
    session_id: SessionId
    rating: int
    tags: tuple[FeedbackTag, ...] = ()
    comment: str = ""
    idempotency: Idempotency | None = None


class ReportTaken(Struct, frozen=True, kw_only=True):
    """`replayed`: this report had been filed before."""

    report_id: ReportId
    replayed: bool = False


class FileReport(Request[ReportTaken], frozen=True, kw_only=True, tag="report.file"):
    """Complain about the partner of an own session, live or over; in the same words again it is
    the same report.

    Refused: `unknown-session`, `too-many-reports`, `idempotency-mismatch`.
    """

    user_id: UserId
    session_id: SessionId
    reason: ReportReason
    details: str = ""
    idempotency: Idempotency | None = None


class Blocks(Struct, frozen=True, kw_only=True):
    user_ids: tuple[UserId, ...]


class ListBlocks(Request[Blocks], frozen=True, kw_only=True, tag="block.list"):
    """Whom the user has blocked, newest first."""

    user_id: UserId


class BlockUser(Request[UserState], frozen=True, kw_only=True, tag="block.put"):
    """Block someone: ends a live session between the two, both ways round. Again is no error.

    Refused: `unknown-user`, `block-self`, `too-many-blocks`.
    """

    user_id: UserId
    blocked_id: UserId


class UnblockUser(Request[Done], frozen=True, kw_only=True, tag="block.delete"):
    """Take a block back. Refused: `not-blocked`."""

    user_id: UserId
    blocked_id: UserId


AnyRequest = (
    RegisterUser
    | GetProfile
    | ChangeProfile
    | EraseUser
    | RotateToken
    | OpenRequest
    | CancelRequest
    | GetRequest
    | GetState
    | GetVersions
    | ListSessions
    | GetSession
    | GiveFeedback
    | FileReport
    | ListBlocks
    | BlockUser
    | UnblockUser
)

_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)


def decode(body: bytes) -> AnyRequest:
    """The request in `body`. Raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return _decoder.decode(body)
