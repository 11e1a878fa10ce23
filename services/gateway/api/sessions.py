"""A caller's own history of chat sessions, newest first, page by page, and rating one."""

import msgspec
from msgspec import Struct
from starlette.responses import Response

from services.gateway.api import bodies, idempotency, texts
from services.gateway.api.answers import nothing, ok
from services.gateway.api.bodies import page_size
from services.gateway.api.dependencies import UserCall
from services.gateway.api.paths import identifier
from services.gateway.api.problems import FieldError, Invalid
from shared.domain import FeedbackTag, SessionRecord
from shared.errors import Refused
from shared.identifiers import SessionId
from shared.requests import GetSession, GiveFeedback, ListSessions

RATING_MAX = 5


class History(Struct, frozen=True):
    """`next_cursor` is the `cursor` of the next page, null on the last."""

    sessions: tuple[SessionRecord, ...]
    next_cursor: SessionId | None


class Rating(Struct, frozen=True, forbid_unknown_fields=True):
    """How a talk was, 1 to 5; `comment` is for whoever runs this place, not for the partner."""

    rating: int
    tags: tuple[FeedbackTag, ...] = ()
    comment: str = ""


_rating = msgspec.json.Decoder(Rating)


async def history(call: UserCall) -> Response:
    """200 `{sessions, next_cursor}`; `?limit=` 1 to 100, `?cursor=` from the page before."""
    page = await call.parts.asker.ask(
        ListSessions(
            user_id=call.user_id,
            limit=page_size(call.request, call.parts.settings),
            before=_cursor(call),
        )
    )
    return ok(History(page.sessions, page.next_before))


async def read(call: UserCall) -> Response:
    """200 one session of the caller's own, or 404 `unknown-session`."""
    session_id = identifier(call.request.path_params["session_id"], "session")
    asked = GetSession(user_id=call.user_id, session_id=SessionId(session_id))
    return ok(await call.parts.asker.ask(asked))


async def rate(call: UserCall) -> Response:
    """204, also for the same words again; 404 `unknown-session`, 409 `session-live`,
    `never-talked` or `feedback-given`."""
    session_id = identifier(call.request.path_params["session_id"], "session")
    settings = call.parts.settings
    body = await bodies.read(call.request, settings)
    given = bodies.decode(call.request, body, _rating)
    if not 1 <= given.rating <= RATING_MAX:
        detail = f"a rating is a whole number from 1 to {RATING_MAX}"
        raise Invalid([FieldError(detail, "/rating")])
    operation = f"POST /sessions/{session_id}/feedback"
    await call.parts.asker.ask(
        GiveFeedback(
            user_id=call.user_id,
            session_id=SessionId(session_id),
            rating=given.rating,
            tags=given.tags,
            comment=texts.prose(given.comment, "comment", settings.comment_length_max),
            idempotency=idempotency.read(call.request, operation, body),
        )
    )
    return nothing()


def _cursor(call: UserCall) -> SessionId | None:
    text = call.request.query_params.get("cursor")
    if text is None:
        return None
    try:
        return SessionId(identifier(text, "session"))
    except Refused:
        error = FieldError("cursor is the next_cursor of a page", parameter="cursor")
        raise Invalid([error], "invalid-query") from None
