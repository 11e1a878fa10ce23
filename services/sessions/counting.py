"""Counting what is open, by the clock, for whoever reads the figures of this process."""

from services.sessions import metrics
from services.sessions.store import figures
from services.sessions.store.database import Database


async def count_open(database: Database) -> None:
    """Show how much is open and what the outbox holds, the same in every replica.

    Raises `Unavailable`.
    """
    async with database.connection() as connection:
        found = await figures.read(connection)
    metrics.OUTBOX_ROWS.set(found.outbox_rows)
    metrics.OUTBOX_AGE.set(found.outbox_age_s)
    metrics.PENDING.set(found.pending)
    for status in metrics.LIVE_STATUSES:
        metrics.LIVE.labels(status).set(found.live.get(status, 0))
