"""A caller's own history of chat sessions, newest first, page by page."""

from msgspec import Struct
from starlette.responses import Response

from services.gateway.api.answers import ok
from services.gateway.api.bodies import page_size
from services.gateway.api.dependencies import UserCall
from services.gateway.api.paths import identifier
from services.gateway.api.problems import FieldError, Invalid
from shared.domain import SessionRecord
from shared.errors import Refused
from shared.identifiers import SessionId
from shared.requests import GetSession, ListSessions


class History(Struct, frozen=True):
    """`next_cursor` is the `cursor` of the next page, null on the last."""

    sessions: tuple[SessionRecord, ...]
    next_cursor: SessionId | None


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


def _cursor(call: UserCall) -> SessionId | None:
    text = call.request.query_params.get("cursor")
    if text is None:
        return None
    try:
        return SessionId(identifier(text, "session"))
    except Refused:
        error = FieldError("cursor is the next_cursor of a page", parameter="cursor")
        raise Invalid([error], "invalid-query") from None
