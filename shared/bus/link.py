"""One AMQP connection for one purpose, opened again whenever it or anything on it is lost.

This is a plain connection with a supervising loop, not aio_pika's RobustConnection: that one
restores channels, queues and consumers one by one in the background, with states in between where
a channel is open but its consumer is not, and it cannot tell a caller that it is down. Here a
link is up or down as a whole. A lost connection, a channel closed by an error, a consumer
cancelled by the broker: each ends the whole connection, and the next one rebuilds everything in
one place. So no consumer dies silently.

The topology is declared with the first connection of a process, and again only when something of
it was missing: declaring takes some twenty questions, each a transaction at the broker, which
would keep a broker that comes back under load from ever answering everybody in time.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

import aio_pika
import aiormq
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelClosed, DeliveryError

from shared.bus import metrics, topology
from shared.config import BusSettings
from shared.errors import TopologyMismatch, Unavailable

T = TypeVar("T")

Losing = asyncio.Future[str] | None

PAUSE_MIN_S = 0.05
STABLE_S = 5.0  # A link that stood this long starts again with the shortest pause.
CLOSE_TIMEOUT_S = 2.0  # A healthy broker answers a close at once; a lost one never.

# aiormq writes from a queue of 10 frames and stops when the connection is lost: whoever then
# waits for room in it, to publish or to acknowledge, waits for ever. Without that limit nobody
# waits; what bounds the queue are the publishes in flight and the prefetch.
aiormq.Connection.FRAME_BUFFER_SIZE = 0

log = structlog.get_logger()


class Lost(Exception):
    """The channel or connection went away under an operation; it may or may not have happened."""


class Part(Protocol):
    """What lives on a link."""

    async def opened(self) -> None:
        """The link has a fresh connection: open channels with `Link.channel` and start."""

    def lost(self) -> None:
        """The connection is gone. Must not raise."""


async def guarded(operation: Awaitable[T]) -> T:
    """What `operation` returns. Raises `Lost` for whatever the loss of its channel raises.

    aiormq ends what is pending on a closed channel with a CancelledError, which is told apart from
    a real cancellation because that reaches the task itself, or with a bare `Exception`. A refusal
    by the broker (`DeliveryError`) and a time-out are raised as they are.
    """
    try:
        return await operation
    except (DeliveryError, TimeoutError):
        raise
    except CONNECTION_EXCEPTIONS as error:
        raise Lost(repr(error)) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise Lost("channel closed") from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Lost("channel closed") from None


class Link:
    """`keep` holds the connection up; its part is told each time it comes and goes."""

    def __init__(self, url: str, name: str, settings: BusSettings, *, declares: bool) -> None:
        self.name = name
        self._declares = declares
        self._url = url
        self._settings = settings
        self._connection: AbstractConnection | None = None
        self._lost: Losing = None
        self._up = asyncio.Event()
        self._down_since = time.monotonic()
        metrics.LINK_UP.labels(name).set(0)
        metrics.LINK_LOST.labels(name)

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    @property
    def connection(self) -> Losing:
        """The present connection, as something to give to `lose`."""
        return self._lost

    def lose(self, connection: Losing, cause: str) -> None:
        """This connection is no good; if it is the present one, the link is down at once."""
        if connection is None or connection.done():
            return
        connection.set_result(cause)
        if connection is self._lost:
            self._mark_down()

    async def ready(self) -> None:
        """Return once the link is up. Raises `Unavailable` when it has been down for too long."""
        if self._up.is_set():
            return
        left_s = self._down_since + self._settings.amqp_down_grace_s - time.monotonic()
        try:
            async with asyncio.timeout(left_s):
                await self._up.wait()
        except TimeoutError:
            raise Unavailable("rabbitmq") from None

    async def open(self, part: Part) -> None:
        """Connect, declare the topology if that is due, start the part.

        Raises `Unavailable`, or `TopologyMismatch`.
        """
        if self._connection is not None:
            await self._drop(part)
        self._lost = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._settings.amqp_connect_timeout_s):
                await guarded(self._connect(part))
        except (Lost, TimeoutError) as error:
            log.info("bus.unreachable", link=self.name, error=str(error) or "timed out")
            await self._drop(part)
            raise Unavailable("rabbitmq") from error
        except BaseException:
            await self._drop(part)
            raise
        if not self._lost.done():
            self._up.set()
            metrics.LINK_UP.labels(self.name).set(1)
            log.info("bus.connected", link=self.name)

    async def keep(self, part: Part) -> None:
        """Hold the link up, whether open yet or not. Ends by cancellation alone."""
        pause_s = PAUSE_MIN_S
        try:
            while True:
                try:
                    if not self.is_up:
                        await self.open(part)
                    since = time.monotonic()
                    await self._hold(part)
                    if time.monotonic() - since > STABLE_S:
                        pause_s = PAUSE_MIN_S
                except Unavailable:
                    pass
                except TopologyMismatch as error:
                    log.error("bus.topology_mismatch", link=self.name, error=str(error))
                except Exception:  # a programmer's error must not end the only loop that heals
                    log.exception("bus.link_failed", link=self.name)
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, self._settings.amqp_reconnect_max_s)
        finally:
            await self._drop(part)

    async def channel(self, *, confirms: bool, prefetch: int = 0) -> AbstractChannel:
        """A channel whose end ends the link. Returned messages raise when it has confirms."""
        assert self._connection is not None
        channel = self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        await channel.initialize()
        if prefetch:
            await channel.set_qos(prefetch_count=prefetch)
        lost = self._lost
        channel.close_callbacks.add(lambda _, error: self._channel_closed(lost, error))
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: self._consumer_cancelled(lost))
        return channel

    def _channel_closed(self, lost: Losing, error: BaseException | None) -> None:
        if isinstance(error, ChannelClosed):  # not with its connection, so something is missing
            self._declares = True
        self.lose(lost, f"channel closed: {error!r}")

    def _consumer_cancelled(self, lost: Losing) -> None:
        self._declares = True
        self.lose(lost, "consumer cancelled by the broker")

    async def _connect(self, part: Part) -> None:
        self._connection = connection = await aio_pika.connect(
            self._url,
            heartbeat=int(self._settings.amqp_heartbeat_s),
            client_properties={"connection_name": self.name},
        )
        lost = self._lost
        connection.close_callbacks.add(
            lambda _, error: self.lose(lost, f"connection closed: {error!r}")
        )
        if self._declares:
            await topology.declare(connection)
            self._declares = False
        await part.opened()

    async def _hold(self, part: Part) -> None:
        """Return once the link is lost, with nothing left of it."""
        assert self._lost is not None
        try:
            cause = await asyncio.shield(self._lost)
            metrics.LINK_LOST.labels(self.name).inc()
            log.warning("bus.lost", link=self.name, cause=cause)
        finally:
            await self._drop(part)

    def _mark_down(self) -> None:
        if self._up.is_set():
            self._up.clear()
            metrics.LINK_UP.labels(self.name).set(0)
            self._down_since = time.monotonic()

    async def _drop(self, part: Part) -> None:
        self._mark_down()
        part.lost()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Lost, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await guarded(connection.close())
