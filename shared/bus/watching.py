"""Watching: how long the inbox is, how many dead letters there are and how old the oldest is."""

import asyncio
import time
from datetime import UTC, datetime

from aio_pika.abc import AbstractChannel

from shared.bus import dead, metrics, topology
from shared.bus.link import Link, Lost, guarded
from shared.config import BusSettings

LOOK_TIMEOUT_S = 5.0


class Watching:
    """The part of a link that looks at one inbox now and then.

    The oldest letter is taken in hand for that and given back, to the head of the queue because
    that has a delivery limit; so not oftener than need be.
    """

    def __init__(self, link: Link, queue: str, settings: BusSettings) -> None:
        self._link = link
        self._queue = queue
        self._interval_s = settings.amqp_watch_interval_s
        self._keep_s = settings.amqp_watch_dead_s
        self._channel: AbstractChannel | None = None
        self._count = 0
        self._died_at: datetime | None = None
        self._again_at = 0.0

    async def opened(self) -> None:
        channel = await self._link.channel(confirms=False)
        await self._look(channel)
        self._channel = channel

    def lost(self) -> None:
        self._channel = None

    async def watch(self) -> None:
        """For ever. While the broker is away the figures stay as they were."""
        while True:
            await asyncio.sleep(self._interval_s)
            if self._channel is None:
                continue
            connection = self._link.connection
            try:
                async with asyncio.timeout(LOOK_TIMEOUT_S):
                    await guarded(self._look(self._channel))
            except (Lost, TimeoutError) as error:
                self._link.lose(connection, f"watching: {error!r}")

    async def _look(self, channel: AbstractChannel) -> None:
        count = await _length(channel, topology.dead_of(self._queue))
        now = time.monotonic()
        if count != self._count or now >= self._again_at:
            self._died_at = await dead.Cemetery(channel).died_first_at(self._queue)
            self._count, self._again_at = count, now + self._keep_s
        metrics.DEAD_AGE.labels(self._queue).set(_age_s(self._died_at))
        await _length(channel, self._queue)


async def _length(channel: AbstractChannel, queue: str) -> int:
    """Messages ready in a queue; those in somebody's hands are not counted."""
    declared = await channel.declare_queue(queue, passive=True)
    count = declared.declaration_result.message_count or 0
    metrics.QUEUED.labels(queue).set(count)
    return count


def _age_s(died_at: datetime | None) -> float:
    return 0.0 if died_at is None else max(0.0, (datetime.now(UTC) - died_at).total_seconds())
