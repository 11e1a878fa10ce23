"""What becomes of an event in a service's inbox: done, held, counted, or a dead letter."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import structlog
from aio_pika.abc import AbstractIncomingMessage, HeadersType

from shared import events, tracing
from shared.bus import metrics, topology
from shared.bus.consuming import Delivery
from shared.bus.messages import (
    CAUSE,
    DIED_AT,
    FAILURES,
    QUEUE,
    event_message,
    own_headers,
    trace_of,
)
from shared.bus.publishing import Publishing
from shared.config import BusSettings
from shared.errors import Rejected, Unavailable
from shared.events import AnyEvent
from shared.identifiers import minted_at_s
from shared.messaging import Encoded, Handler

CAUSE_LENGTH_MAX = 500  # Enough to recognise an error by; the log has all of it.

log = structlog.get_logger()


class Unreadable(Rejected):
    """A message that is no event for this service; `kind` says why, in a word."""

    def __init__(self, kind: str, says: str) -> None:
        super().__init__(says)
        self.kind = kind


class Inbox:
    """Handles deliveries with the handler of their type; `stopping` cuts every pause short."""

    def __init__(
        self,
        queue: str,
        handlers: Mapping[type[AnyEvent], Handler],
        publishing: Publishing,
        settings: BusSettings,
        stopping: asyncio.Event,
    ) -> None:
        self._queue = queue
        self._handlers = dict(handlers)
        self._publishing = publishing
        self._settings = settings
        self._stopping = stopping
        self._minted_at: dict[Delivery, float] = {}  # of what is in hand
        metrics.OLDEST.labels(queue).set_function(self._oldest_s)

    def _oldest_s(self) -> float:
        """How long the oldest event in hand has been on its way: also one held for a store."""
        minted_at = min(self._minted_at.values(), default=None)
        return 0.0 if minted_at is None else max(0.0, time.time() - minted_at)

    async def handle(self, delivery: Delivery) -> None:
        """Handle one delivery to its end. See `Bus.consume` for the outcomes."""
        began = time.perf_counter()
        structlog.contextvars.bind_contextvars(correlation_id=delivery.message.correlation_id)
        try:
            event, handler = self._read(delivery.message)
        except Unreadable as error:
            metrics.CONSUMED.labels(self._queue, "unknown", "buried").inc()
            await self._bury(delivery, error.kind, str(error))
            return
        self._note_age(event, delivery)
        outcome, kind = "failed", events.event_type(event)
        span = tracing.span(
            f"handle {kind}",
            tracing.CONSUMER,
            trace_of(delivery.message.headers),
            messaging__system="rabbitmq",
            messaging__destination__name=self._queue,
            parley__correlation_id=event.correlation_id,
        )
        try:
            with span:
                outcome = await self._settle(event, handler, delivery)
                tracing.note(parley__outcome=outcome)
        finally:
            self._minted_at.pop(delivery, None)
            metrics.CONSUMED.labels(self._queue, kind, outcome).inc()
            metrics.HANDLING.labels(self._queue, kind).observe(time.perf_counter() - began)

    async def _settle(self, event: AnyEvent, handler: Handler, delivery: Delivery) -> str:
        """Handle an event and settle its delivery; what became of it, in a word."""
        structlog.contextvars.bind_contextvars(
            correlation_id=event.correlation_id, event_id=event.event_id
        )
        try:
            is_handled = await self._attempt(handler, event, delivery)
        except Rejected as error:
            await self._bury(delivery, "rejected", str(error))
            return "buried"
        except Exception as error:  # whatever a handler does wrong counts against the message
            return await self._count_failure(delivery, error)
        await (delivery.acknowledge() if is_handled else delivery.give_back())
        return "handled" if is_handled else "returned"

    def _note_age(self, event: AnyEvent, delivery: Delivery) -> None:
        """Its id tells when it was made, to the millisecond; AMQP's timestamp only the second."""
        minted_at = minted_at_s(event.event_id)
        if minted_at is not None:
            self._minted_at[delivery] = minted_at
            metrics.AGE.labels(self._queue).observe(max(0.0, time.time() - minted_at))

    def _read(self, message: AbstractIncomingMessage) -> tuple[AnyEvent, Handler]:
        """Raises `Unreadable`: oversized, malformed, of an unknown type, or for somebody else."""
        if message.body_size > self._settings.amqp_message_bytes_max:
            raise Unreadable("oversized", f"oversized: {message.body_size} bytes")
        try:
            event = events.decode(message.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable("malformed", f"malformed: {error}") from error
        handler = self._handlers.get(type(event))
        if handler is None:
            raise Unreadable("unhandled", f"no handler for {events.event_type(event)}")
        return event, handler

    async def _attempt(self, handler: Handler, event: AnyEvent, delivery: Delivery) -> bool:
        """True once handled; false when the message is no longer ours or we are stopping.

        A store that is away is no fault of the message: it is held here, and tried again.
        """
        held = 0
        while True:
            try:
                await handler(event)
            except Unavailable as error:
                held += 1
                metrics.RETRIED.labels(self._queue, "unavailable").inc()
                if held == 1:
                    log.warning("message.held", type=events.event_type(event), error=str(error))
            else:
                return True
            if not await self._pause(held, delivery):
                return False

    async def _count_failure(self, delivery: Delivery, error: Exception) -> str:
        """Put the message back with one failure more, after a pause; bury it at the limit.

        What became of it, in a word.
        """
        failures = _failures(delivery.message) + 1
        log.error("message.failed", queue=self._queue, failures=failures, exc_info=error)
        if failures >= self._settings.handler_failures_max:
            cause = f"failed {failures} times: {error!r}"
            await self._bury(delivery, "failed", cause, failures)
            return "buried"
        if await self._pause(failures, delivery):
            metrics.RETRIED.labels(self._queue, "failed").inc()
            await self._move(delivery, exchange="", headers={FAILURES: failures})
            return "failed"
        await delivery.give_back()
        return "returned"

    async def _bury(self, delivery: Delivery, kind: str, cause: str, failures: int = 0) -> None:
        metrics.BURIED.labels(self._queue, kind).inc()
        log.error("message.buried", queue=self._queue, cause=cause, type=delivery.message.type)
        headers: HeadersType = {
            CAUSE: cause[:CAUSE_LENGTH_MAX],
            DIED_AT: datetime.now(UTC),
            FAILURES: failures,
            QUEUE: self._queue,
        }
        await self._move(delivery, exchange=topology.DEAD, headers=headers)

    async def _move(self, delivery: Delivery, *, exchange: str, headers: HeadersType) -> None:
        """Publish a copy, then acknowledge: it is twice somewhere for a moment, never nowhere."""
        message = delivery.message
        copy = event_message(
            Encoded(
                event_id=message.message_id or "",
                type=message.type or "",
                correlation_id=message.correlation_id or "",
                body=message.body,
            ),
            message.app_id,
            {**own_headers(message.headers), **headers},
        )
        moves = 0
        while delivery.is_ours:
            try:
                await self._publishing.send(copy, exchange=exchange, routing_key=self._queue)
                await delivery.acknowledge()
                return
            except Unavailable:
                moves += 1
            if not await self._pause(moves, delivery):
                await delivery.give_back()
                return

    async def _pause(self, times: int, delivery: Delivery) -> bool:
        """Wait longer each time. False when there is no point in going on."""
        longest_s = self._settings.handler_backoff_max_s
        pause_s = min(self._settings.handler_backoff_s * 2 ** min(times - 1, 16), longest_s)
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return delivery.is_ours
        return False


def _failures(message: AbstractIncomingMessage) -> int:
    count = message.headers.get(FAILURES, 0)
    return count if isinstance(count, int) else 0
