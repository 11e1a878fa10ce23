"""What happens by the clock: requests expire, deadlines of sessions pass, old rows go."""

import asyncio

import structlog

from services.sessions import metrics, store, transitions
from services.sessions.batches import Group, together
from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.session import TimePassed
from services.sessions.store.database import Database, Transaction
from shared.domain import RequestEndReason
from shared.identifiers import SessionId

WAIT_MIN_S = 0.05
"""Expired together within this, and no spinning while somebody else holds who is late."""

log = structlog.get_logger()


class Sweep:
    """The steps of the sweep; every replica makes them all, there is no leader.

    Nobody is waited for: who is locked is late again in the next sweep, and the others are in time.
    """

    def __init__(self, database: Database, outbox: Outbox, settings: Settings) -> None:
        self._database = database
        self._outbox = outbox
        self._settings = settings
        self._held = False

    async def expire_next(self) -> None:
        """Wait until the next request is over its time, an interval at most, and expire it.

        No request is given less than an interval, so none can expire unseen meanwhile.
        """
        async with self._database.connection() as connection:
            left_s = await store.match_requests.next_deadline_s(connection)
        interval_s = self._settings.sweep_interval_s
        wait_s = interval_s if left_s is None else min(left_s, interval_s)
        await asyncio.sleep(max(wait_s, WAIT_MIN_S))
        await self.expire()

    async def expire(self) -> None:
        """Expire what is over its time, as long as full batches get something done."""
        found, skipped = self._settings.sweep_batch, 0
        while found >= self._settings.sweep_batch and skipped < found:
            overdue = await self._overdue()
            found, skipped = len(overdue), len(await together(self._outbox, overdue, _expire))

    async def _overdue(self) -> list[Group]:
        async with self._database.connection() as connection:
            limit = self._settings.sweep_batch
            users = await store.match_requests.overdue_users(connection, limit)
        return [(user_id,) for user_id in users]

    async def meet_next_deadline(self) -> None:
        """Wait until the next deadline of a session, an interval at most, and act on what is due.

        While deadlines are held, nobody looks before the interval is over.
        """
        async with self._database.connection() as connection:
            left_s = await store.chat_sessions.next_deadline_s(connection)
        interval_s = self._settings.sweep_interval_s
        wait_s = interval_s if left_s is None or self._held else min(left_s, interval_s)
        await asyncio.sleep(max(wait_s, WAIT_MIN_S))
        await self.meet_deadlines()

    async def meet_deadlines(self) -> None:
        """End or turn the sessions past a deadline, as long as full batches get something done."""

        async def step(transaction: Transaction) -> None:
            records = await store.chat_sessions.live(transaction, late)
            pairs = await transitions.happen(transaction, records, TimePassed(), self._settings)
            await transitions.tell(transaction, pairs)

        found, skipped = self._settings.sweep_batch, 0
        while found >= self._settings.sweep_batch and skipped < found:
            late = await self._late()
            found, skipped = len(late), len(await together(self._outbox, late.values(), step))

    async def _late(self) -> dict[SessionId, Group]:
        """Sessions past a deadline, with their two sides; none within the quiet of an outage."""
        async with self._database.connection() as connection:
            records = await store.chat_sessions.late(connection, self._settings.sweep_batch)
            self._held = bool(records) and await store.pulses.outage(connection, self._settings)
        metrics.DEADLINES_HELD.set(self._held)
        if self._held:
            metrics.HOLDS.inc()
            log.warning("deadlines.held", sessions=len(records))
            return {}
        return {record.session_id: record.user_ids for record in records}

    async def prune(self) -> None:
        """Delete what has expired."""
        limit = self._settings.sweep_batch
        async with self._database.connection() as connection:
            while await store.pruning.prune(connection, limit):
                pass


async def _expire(transaction: Transaction) -> None:
    overdue = await store.match_requests.overdue_of(transaction, transaction.locked)
    users = await transitions.end_requests(transaction, overdue, RequestEndReason.TIMEOUT)
    await transitions.tell(transaction, [[user_id] for user_id in users])
