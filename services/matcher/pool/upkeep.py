"""What the sweep reads and keeps in order: who waits, what is unpublished, figures, the epoch."""

from collections.abc import Collection
from datetime import datetime

from services.matcher.pool import LUA_OF, keys
from services.matcher.pool.tickets import read_time
from services.matcher.pool.traces import read_match, read_ticket
from shared.domain import Ticket
from shared.events import MatchFound, PairMeasured
from shared.identifiers import RequestId
from shared.memory import Command, Memory, Script, command

_BUCKETS_PER_CALL = 100

_measure = Script.load(LUA_OF, "measure")
_sizes = Script.load(LUA_OF, "sizes")
_learn_epoch = Script.load(LUA_OF, "learn_epoch")


class Upkeep:
    """Every method raises `Unavailable("redis")` if Redis cannot be reached."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def begin(self, instance: str, lasts_s: float) -> bool:
        """Whether it is this process's turn to sweep; for `lasts_s` it is nobody else's."""
        taking = command("SET", keys.SWEEP, instance, "NX", "PX", int(lasts_s * 1000))
        [taken] = await self._memory.run([taking])
        return bool(taken)

    async def go_on(self, lasts_s: float) -> None:
        """The sweep takes longer: `lasts_s` from now."""
        await self._memory.run([command("PEXPIRE", keys.SWEEP, int(lasts_s * 1000))])

    async def waiting(self, offset: int, count: int) -> list[Ticket]:
        """Some of all who wait, longest waiting first."""
        reading = command("ZRANGE", keys.WAITING, offset, offset + count - 1)
        return [read_ticket(body) for body in await self._bodies(keys.TICKETS, reading)]

    async def expired(self, count: int) -> list[RequestId]:
        """Requests in the pool that are past their time, longest past first."""
        until = await self._now_ms()
        [ids] = await self._memory.run([_up_to(keys.EXPIRIES, until, count)])
        return [RequestId(request_id.decode()) for request_id in ids]

    async def unpublished(self, older_than_s: float, count: int) -> list[MatchFound]:
        """Matches claimed more than `older_than_s` ago whose publishing nobody has confirmed."""
        until = await self._now_ms() - int(older_than_s * 1000)
        reading = _up_to(keys.CLAIMED, until, count)
        return [read_match(body) for body in await self._bodies(keys.UNPUBLISHED, reading)]

    async def measure(self) -> tuple[datetime, list[PairMeasured]]:
        """Who waits and who has waited per language pair, in the pairs' order; and when this was.

        Pairs with neither are left out and forgotten.
        """
        [buckets] = await self._memory.run([command("SMEMBERS", keys.BUCKETS)])
        names = sorted(key.decode() for key in buckets)
        measured: list[PairMeasured] = []
        for start in range(0, len(names), _BUCKETS_PER_CALL):
            measured += await self._measure(names[start : start + _BUCKETS_PER_CALL])
        return read_time(await self._now_ms()), measured

    async def size(self) -> int:
        """How many tickets wait."""
        [count] = await self._memory.run([command("ZCARD", keys.WAITING)])
        return int(count)

    async def _measure(self, names: list[str]) -> list[PairMeasured]:
        pairs = [keys.languages_of(name) for name in names]
        touched = [key for pair in pairs for key in (keys.bucket(*pair), keys.waits(*pair))]
        [reply] = await self._memory.run([_measure.call([keys.BUCKETS, *touched])])
        return [
            PairMeasured(
                native=native,
                practice=practice,
                waiting=waiting,
                recent_waits_s=tuple(int(wait) / 1000 for wait in reversed(waits)),
            )
            for (native, practice), waiting, waits in zip(
                pairs, reply[::2], reply[1::2], strict=True
            )
            if waiting or waits
        ]

    async def sizes(self, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """How many wait in each of these (native, practice): all counted at one moment."""
        if not pairs:
            return {}
        [sizes] = await self._memory.run([_sizes.call([keys.bucket(*pair) for pair in pairs])])
        return dict(zip(pairs, sizes, strict=True))

    async def epoch(self) -> tuple[str, str]:
        """(what the epoch key holds, '' if nothing; the `run_id` of the Redis that runs)."""
        reading = [command("GET", keys.EPOCH), command("INFO", "server")]
        written, server = await self._memory.run(reading)
        return (written or b"").decode(), str(server["run_id"])

    async def mark_loss(self, mark: str) -> None:
        """Remember in Redis that its loss is being told; another loss wipes the mark."""
        await self._memory.run([command("SET", keys.EPOCH, mark)])

    async def learn_epoch(self, mark: str, run_id: str) -> None:
        """The loss has been told: write the epoch, unless `mark` is gone."""
        await self._memory.run([_learn_epoch.call([keys.EPOCH], [mark, run_id])])

    async def _now_ms(self) -> int:
        """Redis's own time, ms since 1970."""
        [[seconds, microseconds]] = await self._memory.run([command("TIME")])
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def _bodies(self, key: str, reading: Command) -> list[bytes]:
        """What the hash `key` holds under the ids that `reading` gives; some may be gone by now."""
        [ids] = await self._memory.run([reading])
        if not ids:
            return []
        [bodies] = await self._memory.run([command("HMGET", key, *ids)])
        return [body for body in bodies if body is not None]


def _up_to(key: str, until_ms: int, count: int) -> Command:
    """The first `count` members of a sorted set by time, up to `until_ms`."""
    return command("ZRANGEBYSCORE", key, "-inf", until_ms, "LIMIT", 0, count)
