"""What is open is told again, so that nothing depends on one message arriving."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from services.sessions import metrics
from services.sessions.config import Settings
from services.sessions.store import chat_sessions, match_requests, repeats, states
from services.sessions.store.database import Connection, Database
from services.sessions.store.repeats import Table
from services.sessions.transitions import state_changed
from shared.errors import Rejected
from shared.events import AnyEvent, TicketOpened
from shared.identifiers import RequestId, SessionId, UserId
from shared.messaging import Publisher

OF: dict[Table, str] = {"match_requests": "request", "chat_sessions": "session"}

log = structlog.get_logger()


class Repeats:
    """Repeats `ticket.opened` and `state.changed` of pending requests, `state.changed` of live
    sessions, when their `repeat_at` has come."""

    def __init__(self, database: Database, publisher: Publisher, settings: Settings) -> None:
        self._database = database
        self._publisher = publisher
        self._settings = settings
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Something became due out of turn."""
        self._wanted.set()

    async def step(self) -> None:
        """Wait an interval, or less when woken; then repeat all that is due, a batch at a time,
        each confirmed before the next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.sweep_interval_s):
                await self._wanted.wait()
        self._wanted.clear()
        while await self._batch("match_requests") or await self._batch("chat_sessions"):
            pass

    async def _batch(self, table: Table) -> bool:
        """Whether there may be more. Claimed rows that are not told in time are due again."""
        limit, lease_s = self._settings.sweep_batch, self._settings.repeat_lease_s
        async with self._database.connection() as connection:
            ids = await repeats.claim(connection, table, limit, lease_s)
            events = await _present(connection, table, ids, self._settings) if ids else []
        if not ids:
            return False
        try:
            await self._publisher.publish(*events)
        except Rejected as error:  # one is too large to send; the others are not to blame
            log.error("repeat.unpublishable", error=str(error))
        async with self._database.connection() as connection:
            first_s, max_s = self._settings.repeat_first_s, self._settings.repeat_max_s
            await repeats.told(connection, table, ids, first_s, max_s)
        metrics.REPEATED.labels(OF[table]).inc(len(ids))
        return len(ids) == limit


async def _present(
    connection: Connection, table: Table, ids: Sequence[str], settings: Settings
) -> list[AnyEvent]:
    """What there is to tell of these open requests or sessions."""
    events: list[AnyEvent] = []
    if table == "match_requests":
        request_ids = [RequestId(id_) for id_ in ids]
        tickets = await match_requests.tickets(connection, request_ids, settings.ticket_avoid_max)
        events += [
            TicketOpened(correlation_id=request_id, ticket=ticket, repeated=True)
            for request_id, ticket in tickets.items()
        ]
        groups: list[tuple[UserId, ...]] = [(ticket.user_id,) for ticket in tickets.values()]
    else:
        groups = list(await chat_sessions.pairs(connection, [SessionId(id_) for id_ in ids]))
    present = await states.read(connection, {user_id for group in groups for user_id in group})
    events += [state_changed([present[user_id] for user_id in group]) for group in groups]
    return events
