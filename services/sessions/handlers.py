"""What sessions does on each event it consumes."""

from functools import partial

import structlog

from services.sessions import metrics, offline, transitions
from services.sessions.accepting import accept_or_void
from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.repeats import Repeats
from services.sessions.session import Act
from services.sessions.store import chat_sessions, pulses, repeats
from services.sessions.store.database import Database, Transaction
from shared.errors import Rejected
from shared.events import MatchFound, PoolLost, PulseReturned, UserOffline

log = structlog.get_logger()


async def match_found(outbox: Outbox, settings: Settings, event: MatchFound) -> None:
    """Accept or void. A pair of one user, or of one request, is nobody's match."""
    first, second = event.sides
    if first.user_id == second.user_id or first.request_id == second.request_id:
        raise Rejected("both sides of a match are the same")
    body = partial(accept_or_void, match=event, settings=settings)
    users = [first.user_id, second.user_id]
    verdict = await outbox.transact(users, body, publish_first=True)
    metrics.JUDGED.labels(verdict).inc()


async def pool_lost(
    database: Database, repeating: Repeats, settings: Settings, event: PoolLost
) -> None:
    """Repeat everything open, beginning now."""
    log.warning("pool.lost", epoch=event.epoch)
    async with database.connection() as connection:
        await repeats.all_now(connection, settings.sweep_batch)
    repeating.wake()


async def participant_acted(outbox: Outbox, settings: Settings, act: Act) -> None:
    """One of the two did something. What is over, or somebody else's, is none of theirs."""

    async def body(transaction: Transaction) -> None:
        live = await chat_sessions.live_of(transaction, [act.user_id])
        named = [record for record in live if record.session_id == act.session_id]
        pairs = await transitions.happen(transaction, named, act, settings)
        await transitions.tell(transaction, pairs)

    await outbox.transact([act.user_id], body, with_partners=True, publish_first=True)


async def user_offline(
    database: Database, outbox: Outbox, settings: Settings, event: UserOffline
) -> None:
    """End what the silent users still have open."""
    await offline.take_down(database, outbox, settings, event)


async def pulse_returned(database: Database, event: PulseReturned) -> None:
    async with database.connection() as connection:
        await pulses.returned(connection, event.sent_at)
