"""`user.offline`: what silent users had open ends, and only what the event names."""

from functools import partial

import structlog

from services.sessions import metrics, transitions
from services.sessions.batches import Group, together
from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.session import WentOffline
from services.sessions.store import chat_sessions, match_requests
from services.sessions.store.database import Database, Transaction
from shared.domain import RequestEndReason
from shared.events import Silent, UserOffline
from shared.identifiers import SessionId, UserId

log = structlog.get_logger()


async def take_down(
    database: Database, outbox: Outbox, settings: Settings, event: UserOffline
) -> None:
    """Cancel the requests and end the sessions that are still open as the event names them.

    Who is locked is taken alone afterwards; whoever held them may have done the work, so they are
    looked for again before they are waited for.
    """
    sessions = {silent.session_id for silent in event.users if silent.session_id is not None}
    waiting = [(silent.user_id,) for silent in event.users if silent.request_id is not None]

    async def find() -> list[Group]:
        async with database.connection() as connection:
            return [*await chat_sessions.pairs(connection, sessions), *waiting]

    step = partial(_end_named, event=event, settings=settings)
    skipped = await together(outbox, await find(), step)
    for group in skipped.intersection(await find()) if skipped else ():
        await outbox.transact(group, step, publish_first=True)


async def _end_named(transaction: Transaction, *, event: UserOffline, settings: Settings) -> None:
    """What was read too long ago, by the store's clock, says nothing about now."""
    age_s = (transaction.now - event.read_at).total_seconds()
    if age_s > settings.offline_age_max_s:
        metrics.OFFLINE_DROPPED.inc()
        log.info("user.offline.dropped", age_s=round(age_s, 1), users=len(event.users))
        return
    groups: list[tuple[UserId, ...]] = []
    groups += [(user_id,) for user_id in await _cancel_named(transaction, event)]
    groups += await _end_sessions_named(transaction, event, settings)
    await transitions.tell(transaction, groups)


async def _cancel_named(transaction: Transaction, event: UserOffline) -> list[UserId]:
    named = {silent.request_id for silent in event.users if silent.request_id is not None}
    pending = await match_requests.pending_of(transaction, transaction.locked)
    ending = [request_id for request_id in pending if request_id in named]
    return await transitions.end_requests(transaction, ending, RequestEndReason.OFFLINE)


async def _end_sessions_named(
    transaction: Transaction, event: UserOffline, settings: Settings
) -> list[tuple[UserId, UserId]]:
    gone: dict[SessionId, list[Silent]] = {}
    for silent in event.users:
        if silent.session_id is not None:
            gone.setdefault(silent.session_id, []).append(silent)
    changed = []
    for record in await chat_sessions.live(transaction, gone) if gone else []:
        named = gone[record.session_id]
        happening = WentOffline(
            frozenset(silent.user_id for silent in named),
            any(silent.partner_away for silent in named),
        )
        changed += await transitions.happen(transaction, [record], happening, settings)
    return changed
