"""Consuming a queue: each message in a task of its own, the prefetch is the concurrency limit."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from shared.bus.link import Link, Lost, guarded

CANCEL_TIMEOUT_S = 1.0

log = structlog.get_logger()


class Delivery:
    """A message in hand. If not acknowledged it is given again once its channel ends."""

    def __init__(self, message: AbstractIncomingMessage) -> None:
        self.message = message

    @property
    def is_ours(self) -> bool:
        """False once its channel is gone: the broker gives it to somebody again."""
        try:
            return not self.message.channel.is_closed
        except RuntimeError:  # ChannelInvalidStateError
            return False

    async def acknowledge(self) -> None:
        """Done with it. On a lost channel it comes again, as a duplicate that handlers absorb."""
        try:
            await guarded(self.message.ack())
        except Lost as error:
            log.info("message.acknowledged_too_late", error=str(error))

    async def give_back(self) -> None:
        """Not done with it: somebody else shall have it."""
        with contextlib.suppress(Lost):
            await guarded(self.message.nack(requeue=True))


class Subscription:
    """The part of a link that consumes one queue.

    `handle` settles each delivery itself. What it lets escape is logged and the message stays
    unacknowledged until the channel ends.
    """

    def __init__(
        self,
        link: Link,
        queue: str,
        prefetch: int,
        handle: Callable[[Delivery], Awaitable[None]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._link = link
        self._queue_name = queue
        self._prefetch = prefetch
        self._handle = handle
        self._tasks = tasks
        self._queue: AbstractQueue | None = None
        self._consumer_tag = ""
        self._in_hand: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def opened(self) -> None:
        if self._stopping:
            return
        channel = await self._link.channel(confirms=False, prefetch=self._prefetch)
        queue = await channel.get_queue(self._queue_name, ensure=False)
        self._consumer_tag = await queue.consume(self._received)
        self._queue = queue

    def lost(self) -> None:
        self._queue = None

    async def stop(self, timeout_s: float) -> None:
        """Take no more and wait for what is in hand; what takes longer is cancelled."""
        self._stopping = True
        if self._queue is not None:
            with contextlib.suppress(Lost, TimeoutError):
                await guarded(self._queue.cancel(self._consumer_tag, timeout=CANCEL_TIMEOUT_S))
        if self._in_hand:
            _, left = await asyncio.wait(self._in_hand, timeout=timeout_s)
            for task in left:
                log.warning("message.abandoned", queue=self._queue_name)
                task.cancel()

    async def _received(self, message: AbstractIncomingMessage) -> None:
        task = self._tasks.create_task(self._work(Delivery(message)))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _work(self, delivery: Delivery) -> None:
        try:
            await self._handle(delivery)
        except Exception:  # nothing that a message does may end the consumer
            log.exception("message.not_settled", queue=self._queue_name)
