"""One AMQP connection for one purpose, opened again whenever it or anything on it is lost.

This is a plain connection with a supervising loop, not aio_pika's RobustConnection: that one
restores channels, queues and consumers one by one in the background, with states in between where
a channel is open but its consumer is not, and it cannot tell a caller that it is down. Here a
link is up or down as a whole. A lost connection, a channel closed by an error, a consumer
cancelled by the broker: each ends the whole connection, and the next one declares the topology
and rebuilds everything in one place. So no consumer dies silently.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError

from shared.bus import topology
from shared.config import BusSettings
from shared.errors import TopologyMismatch, Unavailable

T = TypeVar("T")

PAUSE_MIN_S = 0.05
STABLE_S = 5.0  # A link that stood this long starts again with the shortest pause.
CLOSE_TIMEOUT_S = 2.0  # A healthy broker answers a close at once; a lost one never.

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

    aiormq ends what is pending on a closed channel with a CancelledError: it is told apart from a
    real cancellation, which reaches the task itself. A refusal by the broker (`DeliveryError`)
    and a time-out are raised as they are.
    """
    try:
        return await operation
    except (DeliveryError, TimeoutError):
        raise
    except CONNECTION_EXCEPTIONS as error:
        raise Lost(repr(error)) from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Lost("channel closed") from None


class Link:
    """`keep` holds the connection up; its part is told each time it comes and goes."""

    def __init__(self, url: str, name: str, settings: BusSettings) -> None:
        self.name = name
        self._url = url
        self._settings = settings
        self._connection: AbstractConnection | None = None
        self._lost: asyncio.Future[str] | None = None
        self._up = asyncio.Event()
        self._down_since = time.monotonic()

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

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
        """Connect, declare the topology, start the part.

        Raises `Unavailable`, or `TopologyMismatch`.
        """
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
        self._up.set()
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
        channel.close_callbacks.add(lambda _, error: _end(lost, f"channel closed: {error!r}"))
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(
            lambda _: _end(lost, "consumer cancelled by the broker")
        )
        return channel

    async def _connect(self, part: Part) -> None:
        self._connection = connection = await aio_pika.connect(
            self._url,
            heartbeat=int(self._settings.amqp_heartbeat_s),
            client_properties={"connection_name": self.name},
        )
        lost = self._lost
        connection.close_callbacks.add(lambda _, error: _end(lost, f"connection closed: {error!r}"))
        await topology.declare(connection)
        await part.opened()

    async def _hold(self, part: Part) -> None:
        """Return once the link is lost, with nothing left of it."""
        assert self._lost is not None
        try:
            cause = await asyncio.shield(self._lost)
            log.warning("bus.lost", link=self.name, cause=cause)
        finally:
            await self._drop(part)

    async def _drop(self, part: Part) -> None:
        if self._up.is_set():
            self._up.clear()
            self._down_since = time.monotonic()
        part.lost()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Lost, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await guarded(connection.close())


def _end(lost: asyncio.Future[str] | None, cause: str) -> None:
    if lost is not None and not lost.done():
        lost.set_result(cause)
