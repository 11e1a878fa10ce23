"""Problem documents (RFC 9457): one table from code to status and title, one way to write them."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from shared.errors import Refused, Unavailable
from shared.identifiers import RequestId, SessionId

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger(__name__)

# 422 is what the contract alone can tell of a body or query: whoever sends it again errs again.
# 409 is what no schema can tell: it conflicts with itself, or with what is there.
PROBLEMS: Mapping[str, tuple[HTTPStatus, str]] = {
    "malformed-json": (HTTPStatus.BAD_REQUEST, "The body is not JSON"),
    "invalid-idempotency-key": (HTTPStatus.BAD_REQUEST, "The Idempotency-Key is not usable"),
    "unknown-subprotocol": (HTTPStatus.BAD_REQUEST, "No subprotocol in common"),
    "missing-token": (HTTPStatus.UNAUTHORIZED, "An access token is needed"),
    "invalid-token": (HTTPStatus.UNAUTHORIZED, "The token is not valid"),
    "expired-token": (HTTPStatus.UNAUTHORIZED, "The token has expired"),
    "token-revoked": (HTTPStatus.UNAUTHORIZED, "The token has been revoked"),
    "foreign-origin": (HTTPStatus.FORBIDDEN, "This origin may not call the API"),
    "not-found": (HTTPStatus.NOT_FOUND, "There is nothing at this path"),
    "unknown-user": (HTTPStatus.NOT_FOUND, "No such user"),
    "unknown-request": (HTTPStatus.NOT_FOUND, "No such match request of yours"),
    "unknown-session": (HTTPStatus.NOT_FOUND, "No such session of yours"),
    "no-request": (HTTPStatus.NOT_FOUND, "You have no pending match request"),
    "not-blocked": (HTTPStatus.NOT_FOUND, "You have not blocked this user"),
    "method-not-allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "This method is not allowed here"),
    "request-pending": (HTTPStatus.CONFLICT, "You have a pending match request already"),
    "session-live": (HTTPStatus.CONFLICT, "You are in a live session"),
    "already-matched": (HTTPStatus.CONFLICT, "The request has been matched already"),
    "never-talked": (HTTPStatus.CONFLICT, "The two never talked"),
    "feedback-given": (HTTPStatus.CONFLICT, "You have rated this session already"),
    "duplicate-language": (HTTPStatus.CONFLICT, "A language is named twice"),
    "languages-overlap": (HTTPStatus.CONFLICT, "A language is both native and practised"),
    "block-self": (HTTPStatus.CONFLICT, "Nobody can block themselves"),
    "too-many-blocks": (HTTPStatus.CONFLICT, "Too many users are blocked"),
    "relay-unavailable": (HTTPStatus.CONFLICT, "Calls cannot be relayed here"),
    "body-timeout": (HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time"),
    "body-too-large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    "upgrade-required": (HTTPStatus.UPGRADE_REQUIRED, "This path speaks WebSocket"),
    "unsupported-media-type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON"),
    "invalid-body": (HTTPStatus.UNPROCESSABLE_ENTITY, "The body is not what this call takes"),
    "invalid-query": (HTTPStatus.UNPROCESSABLE_ENTITY, "A query parameter is not valid"),
    "unknown-language": (HTTPStatus.UNPROCESSABLE_ENTITY, "A language is not known"),
    "no-languages": (HTTPStatus.UNPROCESSABLE_ENTITY, "A list of languages is empty"),
    "too-many-languages": (HTTPStatus.UNPROCESSABLE_ENTITY, "Too many languages"),
    "idempotency-mismatch": (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This Idempotency-Key was used with another body",
    ),
    "too-many-reports": (HTTPStatus.TOO_MANY_REQUESTS, "Too many reports"),
    "too-many-requests": (HTTPStatus.TOO_MANY_REQUESTS, "Too many calls"),
    "internal": (HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side"),
    "unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "The service cannot answer now"),
}
# A code of a newer sessions: still a refusal, told with its own words.
UNLISTED = (HTTPStatus.CONFLICT, "This cannot be done")


class FieldError(Struct, frozen=True, omit_defaults=True):
    """What is wrong, and where: `pointer` is an RFC 6901 JSON pointer into the body."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(Struct, frozen=True, kw_only=True):
    """A problem document; the members behind `errors` name what it concerns."""

    type: str
    title: str
    status: int
    detail: str
    correlation_id: str | None
    errors: tuple[FieldError, ...] | UnsetType = UNSET
    request_id: RequestId | UnsetType = UNSET
    session_id: SessionId | UnsetType = UNSET
    language: str | UnsetType = UNSET
    side: str | UnsetType = UNSET
    limit: str | UnsetType = UNSET


RESERVED = frozenset({"type", "title", "status", "detail", "correlation_id", "errors"})


class Invalid(Refused):
    """A body or query that does not fit its call; says which fields and why."""

    def __init__(self, errors: Sequence[FieldError], code: str = "invalid-body") -> None:
        super().__init__(code, "; ".join(error.detail for error in errors))
        self.errors = tuple(errors)


def problem(
    code: str,
    detail: str,
    *,
    about: Mapping[str, str] | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The document for `code`; `about` becomes extension members beside the standard ones."""
    if code not in PROBLEMS:
        _log.warning("problem.unlisted", code=code)
    status, title = PROBLEMS.get(code, UNLISTED)
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "correlation_id": structlog.contextvars.get_contextvars().get("correlation_id"),
    }
    document.update((k, v) for k, v in (about or {}).items() if k not in RESERVED)
    if errors:
        document["errors"] = errors
    all_headers = dict(headers or {})
    if status is HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = _challenge(code)
    return Response(msgspec.json.encode(document), status.value, all_headers, MEDIA_TYPE)


def of_refusal(refusal: Refused) -> Response:
    """The document for what sessions, a body or a limit refused."""
    errors = refusal.errors if isinstance(refusal, Invalid) else ()
    about = dict(refusal.about)
    headers = {}
    if "retry_after_s" in about:
        headers["Retry-After"] = whole_seconds(float(about.pop("retry_after_s")))
    return problem(refusal.code, refusal.detail, about=about, errors=errors, headers=headers)


def of_unavailable(error: Unavailable) -> Response:
    """503: nothing is known to have happened, and when to ask again."""
    return problem(
        "unavailable",
        "The service cannot answer now. Nothing is known to have been changed; please try again.",
        headers={"Retry-After": whole_seconds(error.retry_after_s)},
    )


def whole_seconds(seconds: float) -> str:
    """Retry-After counts whole seconds; at least one, or clients would come back at once."""
    return str(max(1, math.ceil(seconds)))


def _challenge(code: str) -> str:
    """RFC 6750 section 3: no error attribute when no token was sent at all."""
    return "Bearer" if code == "missing-token" else 'Bearer error="invalid_token"'
