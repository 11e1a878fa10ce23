"""The matcher's latest figures of the pool, kept in Redis for every gateway to read."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from services.gateway.api.settings import ApiSettings
from services.gateway.estimates import Pairs, by_pair
from shared.errors import Unavailable
from shared.events import PoolMeasured
from shared.memory import Memory, command

KEY = "gateway:queue"

_decoder: msgspec.json.Decoder[PoolMeasured] = msgspec.json.Decoder(PoolMeasured)


class Figures(Struct, frozen=True):
    """The pool as it was at `measured_at`."""

    measured_at: datetime
    pairs: Pairs


class QueueFigures:
    """`store` is called by whichever gateway hears them, `read` by all, at most once a second each.

    The key expires, so that figures of a matcher that is gone are not shown as the present.
    """

    def __init__(
        self, memory: Memory, settings: ApiSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._memory = memory
        self._lifetime_s = settings.queue_figures_lifetime_s
        self._cache_s = settings.queue_figures_cache_s
        self._clock = clock
        self._cached: Figures | None = None
        self._cached_until = 0.0

    async def store(self, figures: PoolMeasured) -> None:
        """Keep these figures unless they are old. Raises `Unavailable`: the event is held."""
        age_s = (datetime.now(UTC) - figures.measured_at).total_seconds()
        left_s = min(self._lifetime_s, self._lifetime_s - age_s)
        if left_s > 0:
            body = msgspec.json.encode(figures)
            await self._memory.run([command("SET", KEY, body, "PX", max(1, int(left_s * 1000)))])

    async def read(self) -> Figures | None:
        """The present figures, None when no matcher has measured lately. Raises `Unavailable`."""
        now = self._clock()
        if now >= self._cached_until:
            # Set before waiting: callers meanwhile get the former figures, not a look of their own.
            self._cached_until = now + self._cache_s
            self._cached = await self._look()
        return self._cached

    async def _look(self) -> Figures | None:
        try:
            [body] = await self._memory.run([command("GET", KEY)])
        except (Unavailable, asyncio.CancelledError):  # a caller that would not wait for a hang
            self._cached = None
            raise
        if not body:
            return None
        measured = _decoder.decode(body)
        return Figures(measured.measured_at, by_pair(measured.pairs))
