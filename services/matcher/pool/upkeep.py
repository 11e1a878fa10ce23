"""What the sweep reads and keeps in order: who waits, what is unpublished, figures, the epoch."""

from datetime import datetime

from services.matcher.pool import keys
from services.matcher.pool.connection import Connection, reaching
from services.matcher.pool.tickets import read_match, read_ticket, read_time
from shared.domain import Ticket
from shared.events import MatchFound, PairMeasured
from shared.identifiers import RequestId

_BUCKETS_PER_CALL = 100


class Upkeep:
    """Every method raises `Unavailable("redis")` if Redis cannot be reached."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redis = connection.client

    async def begin(self, instance: str, lasts_s: float) -> bool:
        """Whether it is this process's turn to sweep; for `lasts_s` it is nobody else's."""
        with reaching():
            return bool(
                await self._redis.set(keys.SWEEP, instance, nx=True, px=int(lasts_s * 1000))
            )

    async def go_on(self, lasts_s: float) -> None:
        """The sweep takes longer: `lasts_s` from now."""
        with reaching():
            await self._redis.pexpire(keys.SWEEP, int(lasts_s * 1000))

    async def waiting(self, offset: int, count: int) -> list[Ticket]:
        """Some of all who wait, longest waiting first."""
        with reaching():
            ids = await self._redis.zrange(keys.WAITING, offset, offset + count - 1)
            bodies = await self._redis.hmget(keys.TICKETS, ids) if ids else []
        return [read_ticket(body) for body in bodies if body is not None]

    async def expired(self, count: int) -> list[RequestId]:
        """Requests in the pool that are past their time, longest past first."""
        now = await self._connection.now_ms()
        with reaching():
            ids = await self._redis.zrangebyscore(keys.EXPIRIES, "-inf", now, start=0, num=count)
        return [RequestId(request_id.decode()) for request_id in ids]

    async def unpublished(self, older_than_s: float, count: int) -> list[MatchFound]:
        """Matches claimed more than `older_than_s` ago whose publishing nobody has confirmed."""
        until = await self._connection.now_ms() - int(older_than_s * 1000)
        with reaching():
            ids = await self._redis.zrangebyscore(keys.CLAIMED, "-inf", until, start=0, num=count)
            bodies = await self._redis.hmget(keys.UNPUBLISHED, ids) if ids else []
        return [read_match(body) for body in bodies if body is not None]

    async def measure(self) -> tuple[datetime, list[PairMeasured]]:
        """Who waits and who has waited per language pair, in the pairs' order; and when this was.

        Pairs with neither are left out and forgotten.
        """
        with reaching():
            names = sorted(key.decode() for key in await self._redis.smembers(keys.BUCKETS))
        measured: list[PairMeasured] = []
        for start in range(0, len(names), _BUCKETS_PER_CALL):
            measured += await self._measure(names[start : start + _BUCKETS_PER_CALL])
        return read_time(await self._connection.now_ms()), measured

    async def _measure(self, names: list[str]) -> list[PairMeasured]:
        pairs = [keys.languages_of(name) for name in names]
        touched = [key for pair in pairs for key in (keys.bucket(*pair), keys.waits(*pair))]
        reply = await self._connection.run("measure", [keys.BUCKETS, *touched])
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

    async def epoch(self) -> tuple[str, str]:
        """(what the epoch key holds, '' if nothing; the `run_id` of the Redis that runs)."""
        with reaching():
            written = await self._redis.get(keys.EPOCH)
            server = await self._redis.info("server")
        return (written or b"").decode(), str(server["run_id"])

    async def mark_loss(self, mark: str) -> None:
        """Remember in Redis that its loss is being told; another loss wipes the mark."""
        with reaching():
            await self._redis.set(keys.EPOCH, mark)

    async def learn_epoch(self, mark: str, run_id: str) -> None:
        """The loss has been told: write the epoch, unless `mark` is gone."""
        await self._connection.run("learn_epoch", [keys.EPOCH], [mark, run_id])
