"""The watch list: who has something open, and when each counts as silent. Times are Redis's.

The list is a sorted set by due time (last sign of life plus the grace). A sweep hands out whoever
is due and moves them on, so that any number of gateways may sweep and each user comes up once in
`presence_again`. It may vanish: sessions repeats what is open, and being told watches again.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from services.gateway.realtime.settings import RealtimeSettings
from shared.config import Seconds
from shared.identifiers import UserId
from shared.memory import Command, Memory, Script, command

# One hash tag: the sweep's script reads all three.
WATCH_KEY = "gateway:{presence}:watch"
SWEPT_KEY = "gateway:{presence}:swept"
HOLD_KEY = "gateway:{presence}:hold"
PULSE_KEY = "gateway:pulse"
# A pulse is forgotten after a minute.
PULSE_LIFETIME_MS = 60_000

_watch = Script.load(__package__, "watch")
_renew = Script.load(__package__, "renew")
_sweep = Script.load(__package__, "sweep")


def milliseconds(duration_s: Seconds) -> int:
    return round(duration_s * 1000)


class Swept(Struct, frozen=True):
    """Who is due at `read_at`. Nobody while signs of life may have been lost (`held_back`)."""

    read_at: datetime
    held_back: bool
    user_ids: tuple[UserId, ...]


class Presence:
    """Raises `Unavailable("redis")` throughout."""

    def __init__(self, memory: Memory, settings: RealtimeSettings) -> None:
        self._memory = memory
        self._grace_ms = milliseconds(settings.presence_grace_s)
        self._pause_ms = milliseconds(settings.presence_pause_s)
        self._away_after_s = settings.away_after_s
        self._again_ms = milliseconds(settings.presence_again_s)
        self._batch = settings.presence_batch

    def watching(self, user_ids: Collection[UserId]) -> Command:
        """Put them on the list unless they are; being told is no sign of life."""
        return _watch.call([WATCH_KEY], [self._grace_ms, *user_ids])

    def renewing(self, user_ids: Collection[UserId]) -> Command:
        """They gave a sign of life; who is not on the list has nothing open."""
        return _renew.call([WATCH_KEY], [self._grace_ms, *user_ids])

    async def sweep(self) -> Swept:
        """Up to `presence_batch` users who are due; each is handed out to one caller only."""
        arguments = [self._grace_ms, self._pause_ms, self._again_ms, self._batch]
        sweeping = _sweep.call([WATCH_KEY, SWEPT_KEY, HOLD_KEY], arguments)
        [[now_ms, held, *user_ids]] = await self._memory.run([sweeping])
        return Swept(
            datetime.fromtimestamp(now_ms / 1000, UTC),
            bool(held),
            tuple(UserId(user_id.decode()) for user_id in user_ids),
        )

    async def away(self, user_ids: Sequence[UserId], at: datetime) -> set[UserId]:
        """Who of them had shown no sign of life for a while at `at`, a time of Redis's.

        Of whoever is not on the list nothing is known, so not these.
        """
        if not user_ids:
            return set()
        [dues_ms] = await self._memory.run([command("ZMSCORE", WATCH_KEY, *user_ids)])
        away_ms = (at.timestamp() - self._away_after_s) * 1000 + self._grace_ms
        return {
            user_id
            for user_id, due_ms in zip(user_ids, dues_ms, strict=True)
            if due_ms is not None and float(due_ms) < away_ms
        }

    async def forget(self, user_ids: Sequence[UserId]) -> None:
        """Nothing is open. Whoever opens something at this moment is watched at its repeat."""
        if user_ids:
            await self._memory.run([command("ZREM", WATCH_KEY, *user_ids)])

    async def beat(self, sent_at: datetime) -> None:
        """A pulse passes: Redis takes writes."""
        beat = command("SET", PULSE_KEY, sent_at.isoformat(), "PX", PULSE_LIFETIME_MS)
        await self._memory.run([beat])
