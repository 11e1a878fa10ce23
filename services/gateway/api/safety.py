"""Whom a caller does not want to meet, and what a partner did that somebody should look at."""

import msgspec
from msgspec import Struct
from starlette.responses import Response

from services.gateway.api import bodies, idempotency, texts
from services.gateway.api.answers import nothing, ok
from services.gateway.api.dependencies import UserCall
from services.gateway.api.operations import REPLAYED, operation
from services.gateway.api.paths import identifier
from shared.domain import ReportReason
from shared.identifiers import ReportId, SessionId, UserId
from shared.requests import Blocks, BlockUser, FileReport, ListBlocks, UnblockUser


class Complaint(Struct, frozen=True, forbid_unknown_fields=True):
    """About the partner of one of the caller's own sessions, live or over."""

    session_id: str
    reason: ReportReason
    details: texts.Details = ""


class Filed(Struct, frozen=True):
    report_id: ReportId


_complaint = msgspec.json.Decoder(Complaint)


@operation("List whom one has blocked", {200: Blocks})
async def blocks(call: UserCall) -> Response:
    """Newest first."""
    return ok(await call.parts.asker.ask(ListBlocks(user_id=call.user_id)))


@operation(
    "Block a user",
    {204: None},
    "unknown-user",
    "block-self",
    "too-many-blocks",
    links={"delete_blocks_user_id": {"user_id": "$request.path.user_id"}},
)
async def block(call: UserCall) -> Response:
    """The two never meet again; a live session between them ends. Again is no error."""
    blocked_id = _other(call)
    state = await call.parts.asker.ask(BlockUser(user_id=call.user_id, blocked_id=blocked_id))
    return nothing(call.parts.telling(state))


@operation("Take a block back", {204: None}, "unknown-user", "not-blocked")
async def unblock(call: UserCall) -> Response:
    """The two may meet again."""
    await call.parts.asker.ask(UnblockUser(user_id=call.user_id, blocked_id=_other(call)))
    return nothing()


@operation(
    "Report a partner",
    {201: Filed},
    "unknown-session",
    "too-many-reports",
    body=Complaint,
    idempotent=True,
    headers=(REPLAYED,),
)
async def report(call: UserCall) -> Response:
    """Somebody will look at what the partner did. The same words again are the same report."""
    settings = call.parts.settings
    body = await bodies.read(call.request, settings)
    given = bodies.decode(call.request, body, _complaint)
    taken = await call.parts.asker.ask(
        FileReport(
            user_id=call.user_id,
            session_id=SessionId(identifier(given.session_id, "session")),
            reason=given.reason,
            details=texts.prose(given.details, "details", texts.DETAILS_LENGTH_MAX),
            idempotency=idempotency.read(call.request, "POST /reports", body),
        )
    )
    headers = {REPLAYED: "true"} if taken.replayed else {}
    return ok(Filed(taken.report_id), 201, headers)


def _other(call: UserCall) -> UserId:
    return UserId(identifier(call.request.path_params["user_id"], "user"))
