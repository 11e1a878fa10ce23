"""What stands in Redis of tickets, cards and relays, as an audit reads it."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import redis.asyncio
from msgspec import Struct

BATCH = 500

# The matcher's keys; it alone writes them.
TICKETS, ATTEMPTS = "{pool}:tickets", "{pool}:attempts"
WAITING, EXPIRIES = "{pool}:waiting", "{pool}:expiries"
BUCKETS, CLAIMED = "{pool}:buckets", "{pool}:claimed"


class Pool(Struct, frozen=True):
    """`tickets` by request; who is in each index; matches by when they were claimed (s)."""

    tickets: dict[str, dict[str, Any]]
    indexes: dict[str, set[str]]
    buckets: dict[str, set[str]]
    claimed: dict[str, float]
    now_s: float


class Card(Struct, frozen=True):
    """`state` is None when only an owner is known, or the user is erased."""

    user_id: str
    version: int
    state: dict[str, Any] | None

    def open_id(self, what: str) -> str | None:
        """The id of the `request` or `session` it shows."""
        shown = (self.state or {}).get(what)
        return shown[f"{what}_id"] if shown else None


class Relay(Struct, frozen=True):
    session_id: str
    receiver: str


class Memory(Struct, frozen=True):
    pool: Pool
    cards: list[Card]
    relays: list[Relay]


async def read(client: "redis.asyncio.Redis") -> Memory:
    cards = [card async for card in _cards(client)]
    relays = [_relay(key) async for key in _keys(client, "gateway:{*}:relay:*")]
    return Memory(await _pool(client), cards, relays)


async def _pool(client: "redis.asyncio.Redis") -> Pool:
    """The tickets and their indexes at one moment; the buckets right after."""
    async with client.pipeline(transaction=True) as reading:
        reading.hgetall(TICKETS)
        reading.hkeys(ATTEMPTS)
        reading.zrange(WAITING, 0, -1)
        reading.zrange(EXPIRIES, 0, -1)
        reading.zrange(CLAIMED, 0, -1, withscores=True)
        reading.smembers(BUCKETS)
        reading.time()
        tickets, attempts, waiting, expiries, claimed, names, (now_s, _) = await reading.execute()
    async with client.pipeline(transaction=False) as reading:
        for name in (ordered := sorted(names)):
            reading.zrange(name, 0, -1)
        buckets = await reading.execute()
    return Pool(
        {id: msgspec.json.decode(body) for id, body in tickets.items()},
        {ATTEMPTS: set(attempts), WAITING: set(waiting), EXPIRIES: set(expiries)},
        {name: set(members) for name, members in zip(ordered, buckets, strict=True)},
        {match_id: at_ms / 1000 for match_id, at_ms in claimed},
        float(now_s),
    )


async def _cards(client: "redis.asyncio.Redis") -> AsyncIterator[Card]:
    keys = [key async for key in _keys(client, "gateway:{*}:card")]
    for some in _batched(keys):
        async with client.pipeline(transaction=False) as reading:
            for key in some:
                reading.hmget(key, "version", "state")
            found = await reading.execute()
        for key, (version, state) in zip(some, found, strict=True):
            if version is not None:
                shown = msgspec.json.decode(state) if state else None
                yield Card(_tagged(key), int(version), shown)


async def _keys(client: "redis.asyncio.Redis", pattern: str) -> AsyncIterator[str]:
    """Each once, although a scan may give some twice."""
    seen = set()
    async for key in client.scan_iter(pattern, count=BATCH):
        if key not in seen:
            seen.add(key)
            yield key


def _relay(key: str) -> Relay:
    return Relay(_tagged(key), key.rpartition(":")[2])


def _tagged(key: str) -> str:
    """What stands between the braces."""
    return key[key.index("{") + 1 : key.index("}")]


def _batched(keys: list[str]) -> list[list[str]]:
    return [keys[begin : begin + BATCH] for begin in range(0, len(keys), BATCH)]
