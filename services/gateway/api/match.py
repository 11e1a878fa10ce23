"""Asking for a partner, and what becomes of it. The one call whose milliseconds people feel."""

import asyncio
from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from starlette.responses import Response

from services.gateway.api import bodies, idempotency, texts
from services.gateway.api.answers import nothing, ok
from services.gateway.api.dependencies import Dependencies, UserCall
from services.gateway.api.languages import LANGUAGE_PROBLEMS, Natives, Practices, checked
from services.gateway.api.operations import LOCATION, REPLAYED, operation
from services.gateway.api.paths import identifier
from services.gateway.api.queue import estimate
from shared.domain import PendingRequest, Practice, RequestRecord, RequestStatus
from shared.errors import Refused
from shared.identifiers import RequestId, SessionId
from shared.requests import CancelRequest, GetRequest, GetState, OpenRequest, RequestOpened

# Names the operation under which sessions keeps the key.
OPERATION = "POST /match/request"


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out is the profile's; `timeout` is a duration like "3m"."""

    native_languages: Natives | None = None
    practice_languages: Practices | None = None
    timeout: texts.Timeout | None = None


class Accepted(Struct, frozen=True, kw_only=True):
    """The request stands. `connected`: a socket of the caller is open to hear of the match."""

    request_id: RequestId
    status: RequestStatus
    expires_at: datetime
    estimated_wait_s: float | None
    connected: bool


class Pending(Struct, frozen=True, kw_only=True):
    """The caller's open request; `requeued_from` is the session it follows, if any."""

    request_id: RequestId
    status: RequestStatus
    since: datetime
    expires_at: datetime
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    estimated_wait_s: float | None
    requeued_from: SessionId | None


_wish = msgspec.json.Decoder(Wish)


@operation(
    "Ask for a partner",
    {202: Accepted},
    *LANGUAGE_PROBLEMS,
    "unknown-user",
    "request-pending",
    "session-live",
    "relay-unavailable",
    body=Wish,
    body_required=False,
    idempotent=True,
    headers=(LOCATION, REPLAYED),
    links={"get_match_request_request_id": {"request_id": "$response.body#/request_id"}},
)
async def open_request(call: UserCall) -> Response:
    """Accepted: it ends once, matched, cancelled or expired, and the socket tells. A replay names
    the same request with its present status."""
    # After the limits' one round trip the ask goes out at once; whether the caller is connected
    # and the figures are read while sessions works.
    parts = call.parts
    body = await bodies.read(call.request, parts.settings)
    given = bodies.decode(call.request, body, _wish) if body else Wish()
    natives, practices = checked(given.native_languages, given.practice_languages)
    asked = OpenRequest(
        user_id=call.user_id,
        timeout_s=texts.timeout_s(given.timeout, parts.settings),
        native_languages=natives,
        practice_languages=practices,
        idempotency=idempotency.read(call.request, OPERATION, body),
        can_relay=parts.settings.can_relay,
    )
    opened, connected, _ = await asyncio.gather(
        parts.asker.ask(asked),
        parts.aside(parts.cards.connected(call.user_id), False),
        parts.aside(parts.figures.read(), None),
    )
    accepted = await _accepted(parts, opened, connected)
    return ok(accepted, 202, _headers(opened), parts.telling(opened.state))


@operation("Read the pending request", {200: Pending}, "unknown-user", "no-request")
async def pending(call: UserCall) -> Response:
    """The caller's pending request, if there is one."""
    state = await call.parts.asker.ask(GetState(user_id=call.user_id))
    if state.request is None:
        raise Refused("no-request", "You have no pending match request.")
    return ok(await _pending(call.parts, state.request), after=call.parts.telling(state))


@operation(
    "Cancel the pending request", {204: None}, "unknown-user", "no-request", "already-matched"
)
async def cancel(call: UserCall) -> Response:
    """Nobody is paired any more, unless it has been: the problem names the session it became."""
    state = await call.parts.asker.ask(CancelRequest(user_id=call.user_id))
    return nothing(call.parts.telling(state))


@operation("Read what became of a request", {200: RequestRecord}, "unknown-request")
async def read(call: UserCall) -> Response:
    """One of the caller's own requests, pending or over."""
    request_id = identifier(call.request.path_params["request_id"], "request")
    asked = GetRequest(user_id=call.user_id, request_id=RequestId(request_id))
    return ok(await call.parts.asker.ask(asked))


async def _accepted(parts: Dependencies, opened: RequestOpened, connected: bool) -> Accepted:
    record, wait_s = opened.request, None
    if record.status is RequestStatus.PENDING:
        natives, practices = record.native_languages, record.practice_languages
        waited_s = _waited_s(record.since) if opened.replayed else 0.0
        wait_s = await estimate(parts, natives, practices, waited_s)
        if not opened.replayed:
            parts.promises.give(record.request_id, wait_s)
    return Accepted(
        request_id=record.request_id,
        status=record.status,
        expires_at=record.expires_at,
        estimated_wait_s=wait_s,
        connected=connected,
    )


async def _pending(parts: Dependencies, request: PendingRequest) -> Pending:
    natives, practices = request.native_languages, request.practice_languages
    return Pending(
        request_id=request.request_id,
        status=RequestStatus.PENDING,
        since=request.since,
        expires_at=request.expires_at,
        native_languages=natives,
        practice_languages=practices,
        estimated_wait_s=await estimate(parts, natives, practices, _waited_s(request.since)),
        requeued_from=request.requeued_from,
    )


def _waited_s(since: datetime) -> float:
    """Never negative, although the clocks are two."""
    return max(0.0, (datetime.now(UTC) - since).total_seconds())


def _headers(opened: RequestOpened) -> dict[str, str]:
    headers = {LOCATION: f"/api/v1/match/request/{opened.request.request_id}"}
    return headers | ({REPLAYED: "true"} if opened.replayed else {})
