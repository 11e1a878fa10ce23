"""The bus: publish and consume events, ask and answer requests, over RabbitMQ.

The only package that knows AMQP. Each purpose has a connection of its own (publishing, each
queue consumed, replies): a broker with a memory alarm stops reading from connections that
publish, and those that consume must go on.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog

from shared.bus import metrics, topology
from shared.bus.answering import Answering
from shared.bus.asking import Asking
from shared.bus.consuming import Delivery, Subscription
from shared.bus.inbox import Inbox
from shared.bus.link import Link
from shared.bus.publishing import Publishing
from shared.bus.watching import Watching
from shared.config import BusSettings
from shared.errors import Unavailable
from shared.events import AnyEvent
from shared.messaging import Answerer, Asker, Encoded, Handler, Publisher, encoded
from shared.requests import Request

__all__ = ["Answerer", "Asker", "Bus", "Encoded", "Handler", "Publisher"]

PREFETCH = 200  # Throughput is flat from 100 to 300; each message in hand is a task.

A = TypeVar("A")

log = structlog.get_logger()


class Bus:
    """A process's end of the bus. Made by `connect`, ended by `close`."""

    def __init__(self, url: str, service: str, settings: BusSettings) -> None:
        self._url = url
        self._service = service
        self._settings = settings
        self._links: list[Link] = []
        self._publishing = Publishing(self._link("publishing", declares=True), service, settings)
        self._subscriptions: list[Subscription] = []
        self._stopping = asyncio.Event()
        self._closing = asyncio.Event()
        self._asking: Asking | None = None
        self._tasks: asyncio.TaskGroup
        self._life: asyncio.Task[None]

    @classmethod
    async def connect(cls, url: str, service: str, settings: BusSettings | None = None) -> "Bus":
        """Connect, and declare the whole topology.

        Raises `Unavailable` when the broker is not there, `TopologyMismatch` when it holds a
        queue declared otherwise. Later losses are healed in the background.
        """
        bus = cls(url, service, settings or BusSettings())
        started: asyncio.Future[asyncio.TaskGroup] = asyncio.get_running_loop().create_future()
        # The one task outside a TaskGroup: it is the group, and lives until `close` awaits it.
        bus._life = asyncio.create_task(bus._live(started), name=f"{service}.bus")
        bus._tasks = await started
        try:
            [link] = bus._links
            await link.open(bus._publishing)
            bus._tasks.create_task(link.keep(bus._publishing), name=link.name)
        except BaseException:
            await bus.close()
            raise
        return bus

    async def publish(self, *published: AnyEvent) -> None:
        """Return once the broker has every event on disk.

        Raises `Unavailable` if one was not confirmed in time; the others may have been.
        """
        await self.publish_encoded(*map(encoded, published))

    async def publish_encoded(self, *messages: Encoded) -> None:
        """As `publish`, for events that are already JSON."""
        if len(messages) == 1:
            await self._publishing.publish(messages[0])
            return
        outcomes = await asyncio.gather(
            *map(self._publishing.publish, messages), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def consume(
        self, handlers: Mapping[type[AnyEvent], Handler], prefetch: int = PREFETCH
    ) -> None:
        """Start to consume this service's inbox, `prefetch` messages at a time, in no order.

        A handler that returns acknowledges. `Unavailable` holds the message and tries again, for
        ever. `Rejected` makes it a dead letter at once, as does a message that is malformed, of an
        unknown type or oversized. Any other error counts: `handler_failures_max` of them and it is
        a dead letter. A message may come again at any time: handlers are idempotent.
        """
        queue = topology.inbox_of(self._service)
        inbox = Inbox(queue, handlers, self._publishing, self._settings, self._stopping)
        self._watch(queue)
        await self._subscribe(queue, prefetch, inbox.handle)

    async def answer(
        self, answerers: Mapping[type[Any], Answerer], prefetch: int = PREFETCH
    ) -> None:
        """Start to answer requests, competing with other replicas.

        `Refused` reaches the asker as it is; `Unavailable` and any other error as `Unavailable`.
        """
        answering = Answering(self._service, answerers, self._publishing)
        await self._subscribe(topology.REQUESTS, prefetch, answering.handle)

    async def ask(self, request: Request[A], timeout_s: float | None = None) -> A:
        """What sessions answers. Raises `Refused`; `Unavailable` after `timeout_s` at the latest.

        Unavailable does not mean that nothing was done: the reply may have been lost.
        """
        if self._closing.is_set():
            raise Unavailable("rabbitmq")
        if self._asking is None:
            link = self._link("replies")
            self._asking = Asking(link, self._service, self._publishing, self._tasks)
            # Whoever asks first must not lend the link, which outlives the call, its ids.
            keeping = link.keep(self._asking)
            self._tasks.create_task(keeping, name=link.name, context=contextvars.Context())
        return await self._asking.ask(request, timeout_s or self._settings.amqp_ask_timeout_s)

    async def check(self) -> None:
        """Raises `Unavailable` unless every connection is up; for readiness."""
        if self._life.done() or not all(link.is_up for link in self._links):
            raise Unavailable("rabbitmq")

    async def stop_consuming(self) -> None:
        """Take no more messages or requests, and wait until what is in hand is finished.

        Publishing and asking go on. What is held for an absent store goes back to the queue.
        """
        self._stopping.set()
        timeout_s = self._settings.amqp_drain_timeout_s
        await asyncio.gather(*(each.stop(timeout_s) for each in self._subscriptions))

    async def close(self) -> None:
        """Stop consuming if that was not done, and close every connection."""
        await self.stop_consuming()
        self._closing.set()
        await asyncio.wait([self._life])

    async def _live(self, started: asyncio.Future[asyncio.TaskGroup]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                started.set_result(tasks)
                await self._closing.wait()
                raise _Closed
        except* _Closed:
            pass

    def _link(self, purpose: str, *, declares: bool = False) -> Link:
        name = f"{self._service}.{purpose}"
        link = Link(self._url, name, self._settings, declares=declares)
        self._links.append(link)
        return link

    async def _subscribe(
        self, queue: str, prefetch: int, handle: Callable[[Delivery], Awaitable[None]]
    ) -> None:
        link = self._link(queue)
        subscription = Subscription(link, queue, prefetch, handle, self._tasks)
        self._subscriptions.append(subscription)
        with contextlib.suppress(Unavailable):  # A broker just lost is waited for, as ever after.
            await link.open(subscription)
        self._tasks.create_task(link.keep(subscription), name=link.name)

    def _watch(self, queue: str) -> None:
        """Not among the links that readiness asks for: nobody's work waits for a figure."""
        metrics.tend(queue)
        link = Link(self._url, f"{self._service}.watching", self._settings, declares=False)
        watching = Watching(link, queue, self._settings)
        self._tasks.create_task(link.keep(watching), name=link.name)
        self._tasks.create_task(watching.watch(), name=f"{link.name}.round")


class _Closed(Exception):
    """Ends the task group."""
