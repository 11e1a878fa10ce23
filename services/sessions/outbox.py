"""An effect and its events in one transaction, and the events published as soon as it committed."""

import asyncio
from collections.abc import Collection, Sequence
from typing import TypeVar

import structlog

from services.sessions import metrics, store
from services.sessions.config import Settings
from services.sessions.store.database import Body, Database, Transaction
from shared import tracing
from shared.errors import Rejected, Unavailable
from shared.events import AnyEvent, StateChanged, TicketClosed, TicketOpened
from shared.identifiers import UserId
from shared.messaging import Encoded, EncodedPublisher, encoded

T = TypeVar("T")

log = structlog.get_logger()


class Outbox:
    """Runs transactions and publishes what they caused.

    What this process cannot publish, or dies before publishing, the relay of any replica takes once
    it is older than the publish time-out plus 1 s. Nobody relies on the order.
    """

    def __init__(
        self,
        database: Database,
        publisher: EncodedPublisher,
        tasks: asyncio.TaskGroup,
        settings: Settings,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._tasks = tasks
        self._settings = settings
        self._in_flight = 0
        self._publishing: set[asyncio.Task[None]] = set()
        self._confirmed: list[str] = []

    async def transact(
        self,
        user_ids: Collection[UserId],
        body: Body[T],
        *,
        with_partners: bool = False,
        skip_locked: bool = False,
        publish_first: bool = False,
    ) -> T:
        """What `body` returns, committed together with the events it left in the transaction.

        The publishing goes on behind. `publish_first` awaits an attempt at what people or the pool
        wait for; history goes on behind all the same.
        """
        caused: list[tuple[AnyEvent, Encoded]] = []
        trace = tracing.carried()

        async def whole(transaction: Transaction) -> T:
            result = await body(transaction)
            caused[:] = await _write(transaction, trace)
            return result

        result = await self._database.transact(
            user_ids, whole, with_partners=with_partners, skip_locked=skip_locked
        )
        metrics.note([event for event, _ in caused])
        urgent = [message for event, message in caused if not _is_history(event)]
        history = [message for event, message in caused if _is_history(event)]
        if publish_first:
            await self._publish(urgent)
            self._publish_behind(history)
        else:
            self._publish_behind(urgent, history)
        return result

    def _publish_behind(self, *batches: Sequence[Encoded]) -> None:
        if any(batches) and self._in_flight <= self._settings.outbox_in_flight_max:
            task = self._tasks.create_task(self._publish(*batches))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)

    async def _publish(self, *batches: Sequence[Encoded]) -> None:
        """Publish committed rows, a batch after the other; failing that, the relay will."""
        messages = sum(map(len, batches))
        self._in_flight += messages
        try:
            for batch in batches:
                confirmed = await self._confirm(batch)
                self._confirmed.extend(confirmed)  # to the list of now, not of before the wait
                if len(confirmed) < len(batch):  # the rest would be late enough for the relay
                    break
        finally:
            self._in_flight -= messages

    async def forget_confirmed(self) -> None:
        """Delete the rows that are confirmed. Those of a crash in between are published again."""
        event_ids, self._confirmed = self._confirmed, []
        if not event_ids:
            return
        try:
            async with self._database.connection() as connection:
                await store.outbox.delete(connection, event_ids)
        except Unavailable:
            self._confirmed.extend(event_ids[: self._settings.outbox_in_flight_max])
            raise

    async def finish(self) -> None:
        """Before a stop: wait until what is committed is published, and forget it if possible."""
        try:
            async with asyncio.timeout(self._settings.outbox_finish_timeout_s):
                if self._publishing:
                    await asyncio.wait(self._publishing)
                await self.forget_confirmed()
        except (TimeoutError, Unavailable) as error:  # what is left, a relay publishes
            log.warning("outbox.unfinished", error=repr(error))

    async def relay(self) -> None:
        """Publish and delete what was left behind, a batch per transaction."""
        while await self._database.transact((), self._relay_batch):
            pass

    async def _relay_batch(self, transaction: Transaction) -> bool:
        """Whether there may be more. Rows whose publish fails stay; then stop and come back."""
        older_than_s = self._settings.amqp_publish_timeout_s + 1
        limit = self._settings.outbox_batch
        messages = await store.outbox.take(transaction, older_than_s, limit)
        if not messages:
            return False
        confirmed = await self._confirm(messages)
        await store.outbox.delete(transaction.connection, confirmed)
        metrics.RELAYED.inc(len(confirmed))
        log.info("outbox.relayed", events=len(confirmed))
        return len(confirmed) == limit

    async def _confirm(self, messages: Sequence[Encoded]) -> list[str]:
        """Publish all at once; the ids of those that are done with.

        What can never be published is done with too: it would stop what comes after it.
        """
        if len(messages) == 1:  # without a task, whose turn would come behind the answer
            outcomes = [await self._attempt(messages[0])]
        else:
            outcomes = await asyncio.gather(*map(self._attempt, messages))
        left = outcomes.count(False)
        if left:
            log.warning("outbox.left", events=left)
        return [message.event_id for message, done in zip(messages, outcomes, strict=True) if done]

    async def _attempt(self, message: Encoded) -> bool:
        """Whether it is done with."""
        try:
            await self._publisher.publish_encoded(message)
        except Unavailable:
            return False
        except Rejected:
            log.error("outbox.unpublishable", type=message.type, event_id=message.event_id)
        return True


async def _write(transaction: Transaction, trace: str) -> list[tuple[AnyEvent, Encoded]]:
    """Write the events of a transaction to the outbox: each, and what is to be published of it."""
    caused = [
        (event, encoded(event, transaction.traces.get(event.correlation_id, trace)))
        for event in transaction.events
    ]
    if caused:
        await store.outbox.write(transaction, [message for _, message in caused])
    return caused


def _is_history(event: AnyEvent) -> bool:
    """Nobody waits for history: it is published behind what people and the pool wait for."""
    return not isinstance(event, StateChanged | TicketOpened | TicketClosed)
