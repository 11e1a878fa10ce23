"""Publishing: confirmed, mandatory where a service must hear it, many in flight on one channel."""

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable

import stamina
import structlog
from aio_pika import Message
from aio_pika.abc import AbstractExchange
from aio_pika.exceptions import DeliveryError, PublishError

from shared import tracing
from shared.bus import metrics, topology
from shared.bus.link import Link, Lost, guarded
from shared.bus.messages import event_message, traced
from shared.config import BusSettings
from shared.errors import Rejected, Unavailable
from shared.messaging import Encoded

RETRYABLE = (Lost, DeliveryError)

log = structlog.get_logger()


class Publishing:
    """The part of a link that sends. Each exchange is that of the present connection."""

    def __init__(self, link: Link, app_id: str, settings: BusSettings) -> None:
        self._link = link
        self._app_id = app_id
        self._settings = settings
        self._in_flight = asyncio.Semaphore(settings.amqp_in_flight_max)
        self._confirmed: dict[str, AbstractExchange] = {}
        self._unconfirmed: AbstractExchange | None = None

    async def opened(self) -> None:
        confirmed = await self._link.channel(confirms=True)
        unconfirmed = await self._link.channel(confirms=False)
        self._confirmed = {
            "": confirmed.default_exchange,
            topology.EVENTS: await confirmed.get_exchange(topology.EVENTS, ensure=False),
            topology.DEAD: await confirmed.get_exchange(topology.DEAD, ensure=False),
        }
        self._unconfirmed = unconfirmed.default_exchange

    def lost(self) -> None:
        self._confirmed = {}
        self._unconfirmed = None

    async def publish(self, event: Encoded) -> None:
        """Return once the broker has the event on disk. Raises `Unavailable`, or `Rejected`."""
        outcome, began = "unavailable", time.perf_counter()
        try:
            await self._publish(event)
            outcome = "confirmed"
        except Rejected:
            outcome = "rejected"
            raise
        finally:
            metrics.PUBLISHED.labels(event.type, outcome).inc()
            metrics.PUBLISHING.observe(time.perf_counter() - began)

    async def _publish(self, event: Encoded) -> None:
        if len(event.body) > self._settings.amqp_message_bytes_max:
            raise Rejected(f"{event.type} of {len(event.body)} bytes")
        with tracing.span(
            f"publish {event.type}",
            tracing.PRODUCER,
            event.trace,
            messaging__system="rabbitmq",
            messaging__destination__name=topology.EVENTS,
            parley__correlation_id=event.correlation_id,
        ):
            headers = traced(tracing.carried() or event.trace)
            await self.send(
                event_message(event, self._app_id, headers),
                exchange=topology.EVENTS,
                routing_key=event.type,
                mandatory=event.type in topology.MANDATORY,
            )

    async def send(
        self, message: Message, *, exchange: str, routing_key: str, mandatory: bool = True
    ) -> None:
        """Return once confirmed, trying again on a lost channel until the time-out.

        At least once: a message whose confirm was lost is sent again. Raises `Unavailable`.
        """
        deadline = time.monotonic() + self._settings.amqp_publish_timeout_s
        async with self._in_flight:
            try:
                await self.send_once(message, exchange, routing_key, mandatory, deadline)
            except PublishError as error:
                raise _unroutable(routing_key, error) from error
            except TimeoutError as error:
                raise Unavailable("rabbitmq") from error
            except RETRYABLE:
                await self._send_again(message, exchange, routing_key, mandatory, deadline)

    async def send_once(
        self, message: Message, exchange: str, routing_key: str, mandatory: bool, deadline: float
    ) -> None:
        """One confirmed attempt until `deadline` (monotonic seconds).

        Raises `Lost`, `PublishError` (unroutable), `DeliveryError` (refused) or `TimeoutError`.
        """
        target = self._confirmed.get(exchange)
        if target is None:
            raise Lost("not connected")
        timeout_s = max(deadline - time.monotonic(), 0.001)
        await self._watched(
            target.publish(message, routing_key, mandatory=mandatory, timeout=timeout_s)
        )

    async def send_unconfirmed(self, message: Message, queue: str, timeout_s: float) -> None:
        """Hand a message to the broker and forget it. Raises `Unavailable`."""
        try:
            await self._hand_over(message, queue)
        except Lost:
            try:
                async for attempt in _attempts(Lost, timeout_s):
                    with attempt:
                        await self.ready()
                        await self._hand_over(message, queue)
            except Lost as error:
                raise Unavailable("rabbitmq") from error

    async def _hand_over(self, message: Message, queue: str) -> None:
        if self._unconfirmed is None:
            raise Lost("not connected")
        await self._watched(self._unconfirmed.publish(message, queue, mandatory=False))

    async def _watched(self, operation: Awaitable[object]) -> None:
        """As `guarded`; whoever notices a loss first tells the link, so that all others wait."""
        connection = self._link.connection
        try:
            await guarded(operation)
        except Lost as error:
            self._link.lose(connection, str(error))
            raise

    async def ready(self) -> None:
        """Raises `Unavailable` when the link is down and stays so."""
        await self._link.ready()

    async def _send_again(
        self, message: Message, exchange: str, routing_key: str, mandatory: bool, deadline: float
    ) -> None:
        try:
            left_s = max(deadline - time.monotonic(), 0.001)
            async for attempt in _attempts(RETRYABLE, left_s):
                with attempt:
                    await self.ready()
                    await self.send_once(message, exchange, routing_key, mandatory, deadline)
        except PublishError as error:
            raise _unroutable(routing_key, error) from error
        except (*RETRYABLE, TimeoutError) as error:
            raise Unavailable("rabbitmq") from error


def _attempts(
    on: type[Exception] | tuple[type[Exception], ...], timeout_s: float
) -> AsyncIterable[stamina.Attempt]:
    """A lost connection is back within 50 ms when its broker is."""
    return stamina.retry_context(
        on=on,
        attempts=None,
        timeout=timeout_s,
        wait_initial=0.02,
        wait_max=0.5,
        wait_jitter=0.02,
    )


def _unroutable(routing_key: str, error: PublishError) -> Unavailable:
    """The queue is gone; whoever consumes it next declares it again."""
    log.error("bus.unroutable", routing_key=routing_key, error=str(error))
    return Unavailable(f"the queue for {routing_key}")
