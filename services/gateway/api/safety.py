"""Whom a caller does not want to meet, and what a partner did that somebody should look at."""

import msgspec
from msgspec import Struct
from starlette.responses import Response

from services.gateway.api import bodies, idempotency, texts
from services.gateway.api.answers import nothing, ok
from services.gateway.api.dependencies import UserCall
from services.gateway.api.paths import identifier
from shared.domain import ReportReason
from shared.identifiers import ReportId, SessionId, UserId
from shared.requests import BlockUser, FileReport, ListBlocks, UnblockUser


class Complaint(Struct, frozen=True, forbid_unknown_fields=True):
    """About the partner of one of the caller's own sessions, live or over."""

    session_id: str
    reason: ReportReason
    details: str = ""


class Filed(Struct, frozen=True):
    report_id: ReportId


_complaint = msgspec.json.Decoder(Complaint)


async def blocks(call: UserCall) -> Response:
    """200 `{user_ids: […]}`, newest first."""
    return ok(await call.parts.asker.ask(ListBlocks(user_id=call.user_id)))


async def block(call: UserCall) -> Response:
    """204, also when blocked before. 404 `unknown-user`, 422 `block-self` or `too-many-blocks`."""
    blocked_id = _other(call)
    state = await call.parts.asker.ask(BlockUser(user_id=call.user_id, blocked_id=blocked_id))
    return nothing(call.parts.telling(state))


async def unblock(call: UserCall) -> Response:
    """204, or 404 `not-blocked`."""
    await call.parts.asker.ask(UnblockUser(user_id=call.user_id, blocked_id=_other(call)))
    return nothing()


async def report(call: UserCall) -> Response:
    """201 `{report_id}`, also for the same words again; 404 `unknown-session`, 429
    `too-many-reports`."""
    settings = call.parts.settings
    body = await bodies.read(call.request, settings)
    given = bodies.decode(call.request, body, _complaint)
    taken = await call.parts.asker.ask(
        FileReport(
            user_id=call.user_id,
            session_id=SessionId(identifier(given.session_id, "session")),
            reason=given.reason,
            details=texts.prose(given.details, "details", settings.details_length_max),
            idempotency=idempotency.read(call.request, "POST /reports", body),
        )
    )
    headers = {"Idempotency-Replayed": "true"} if taken.replayed else {}
    return ok(Filed(taken.report_id), 201, headers)


def _other(call: UserCall) -> UserId:
    return UserId(identifier(call.request.path_params["user_id"], "user"))
