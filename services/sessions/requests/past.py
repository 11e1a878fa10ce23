"""A user's own chat sessions."""

from services.sessions.config import Settings
from services.sessions.requests.refusals import unknown_session
from services.sessions.store import history
from services.sessions.store.database import Database
from shared.domain import SessionRecord
from shared.identifiers import is_id
from shared.requests import GetSession, ListSessions, SessionPage


async def list_sessions(database: Database, settings: Settings, asked: ListSessions) -> SessionPage:
    """One row more than wanted tells whether there is a next page."""
    if asked.before is not None and not is_id(asked.before):
        return SessionPage(sessions=())
    limit = max(1, min(asked.limit, settings.page_max))
    async with database.connection() as connection:
        found = await history.page(connection, asked.user_id, asked.before, limit + 1)
    shown = tuple(found[:limit])
    return SessionPage(
        sessions=shown,
        next_before=shown[-1].session_id if len(found) > limit else None,
    )


async def get_session(database: Database, asked: GetSession) -> SessionRecord:
    if not is_id(asked.session_id):
        raise unknown_session()
    async with database.connection() as connection:
        found = await history.one(connection, asked.user_id, asked.session_id)
    if found is None:
        raise unknown_session()
    return found
