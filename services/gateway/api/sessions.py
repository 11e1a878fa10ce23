"""A caller's own history of chat sessions, newest first, page by page, and rating one."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.responses import Response

from services.gateway.api import bodies, idempotency, texts
from services.gateway.api.answers import nothing, ok
from services.gateway.api.dependencies import UserCall
from services.gateway.api.operations import operation
from services.gateway.api.paths import identifier
from shared.domain import FeedbackTag, SessionRecord
from shared.identifiers import SessionId
from shared.requests import GetSession, GiveFeedback, ListSessions

# A page of history fits one screenful several times over; 100 keep an answer under 100 KiB.
PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 100


class Page(Struct, frozen=True):
    """Which part of the history: `cursor` is the `next_cursor` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE_DEFAULT
    cursor: UUID | UnsetType = UNSET


class History(Struct, frozen=True):
    """`next_cursor` is the `cursor` of the next page, null on the last."""

    sessions: tuple[SessionRecord, ...]
    next_cursor: SessionId | None


class Rating(Struct, frozen=True, forbid_unknown_fields=True):
    """How a talk was, 1 to 5; `comment` is for whoever runs this place, not for the partner."""

    rating: Literal[1, 2, 3, 4, 5]
    tags: tuple[FeedbackTag, ...] = ()
    comment: texts.Comment = ""


_rating = msgspec.json.Decoder(Rating)


@operation(
    "List one's sessions",
    {200: History},
    "invalid-query",
    query=Page,
    links={
        "get_sessions_session_id": {"session_id": "$response.body#/sessions/0/session_id"},
        "post_sessions_session_id_feedback": {
            "session_id": "$response.body#/sessions/0/session_id"
        },
    },
)
async def history(call: UserCall) -> Response:
    """The caller's own sessions, newest first, a page at a time."""
    wanted = bodies.query(call.request, Page)
    before = None if wanted.cursor is UNSET else SessionId(str(wanted.cursor))
    asked = ListSessions(user_id=call.user_id, limit=wanted.limit, before=before)
    page = await call.parts.asker.ask(asked)
    return ok(History(page.sessions, page.next_before))


@operation("Read one session", {200: SessionRecord}, "unknown-session")
async def read(call: UserCall) -> Response:
    """One of the caller's own sessions, live or over."""
    session_id = identifier(call.request.path_params["session_id"], "session")
    asked = GetSession(user_id=call.user_id, session_id=SessionId(session_id))
    return ok(await call.parts.asker.ask(asked))


@operation(
    "Rate a session",
    {204: None},
    "unknown-session",
    "session-live",
    "never-talked",
    "feedback-given",
    body=Rating,
    idempotent=True,
)
async def rate(call: UserCall) -> Response:
    """Once, when it is over. The same words again are no error."""
    session_id = identifier(call.request.path_params["session_id"], "session")
    settings = call.parts.settings
    body = await bodies.read(call.request, settings)
    given = bodies.decode(call.request, body, _rating)
    operation = f"POST /sessions/{session_id}/feedback"
    await call.parts.asker.ask(
        GiveFeedback(
            user_id=call.user_id,
            session_id=SessionId(session_id),
            rating=given.rating,
            tags=given.tags,
            comment=texts.prose(given.comment, "comment", texts.COMMENT_LENGTH_MAX),
            idempotency=idempotency.read(call.request, operation, body),
        )
    )
    return nothing()
