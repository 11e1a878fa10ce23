"""Entering the pool, being claimed, leaving: one typed method around each script.

Times are Redis's own. Every method raises `Unavailable("redis")` if Redis cannot be reached or
cannot serve within the time-out, and may then be repeated, whatever has happened.
"""

import enum
from datetime import UTC, datetime

from msgspec import Struct

from services.matcher.config import PoolSettings
from services.matcher.matching import Pairing, buckets
from services.matcher.pool import LUA_OF, keys
from services.matcher.pool.traces import read_match, read_ticket, ticket_body
from shared import events
from shared.domain import Ticket
from shared.events import MatchFound
from shared.identifiers import RequestId, UserId
from shared.languages import primary
from shared.memory import Memory, Script, command

TOMBSTONE_MS = 60_000
"""How long a tombstone outlives its ticket, whose time is then past for any redelivery anyway."""

_open = Script.load(LUA_OF, "open")
_candidates = Script.load(LUA_OF, "candidates")
_claim = Script.load(LUA_OF, "claim")
_published = Script.load(LUA_OF, "published")
_close = Script.load(LUA_OF, "close")


class Outcome(enum.StrEnum):
    """What became of a ticket that was to enter the pool; see `lua/open.lua`."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    CLOSED = "closed"
    STALE = "stale"
    EXPIRED = "expired"


class Claim(enum.StrEnum):
    """Claimed, or which ticket of the pairing no longer waits at the attempt scored."""

    CLAIMED = "claimed"
    FIRST_GONE = "first"
    SECOND_GONE = "second"


class Page(Struct, frozen=True, kw_only=True):
    """Candidates for one ticket, longest waiting first in each bucket, as they stood at `now`.

    `met` names whom the ticket's user was matched with lately; `number` counts from 0.
    """

    now: datetime
    candidates: list[Ticket]
    met: frozenset[UserId]
    more: bool
    number: int


class Opened(Struct, frozen=True, kw_only=True):
    """`page` is set if the ticket waits, `match` if it was claimed at this very attempt.

    `entered` tells that it was not there before.
    """

    outcome: Outcome
    entered: bool = False
    page: Page | None = None
    match: MatchFound | None = None


class Pool:
    """The tickets that wait."""

    def __init__(self, memory: Memory, settings: PoolSettings) -> None:
        self._memory = memory
        self._settings = settings

    async def open(self, ticket: Ticket) -> Opened:
        """Put the ticket in and read its first page.

        One atomic step, so that of two tickets entering at once the later sees the earlier.
        Repeated at the same attempt it changes nothing and reads again.
        """
        own, complements = _bucket_keys(ticket)
        opening = _open.call(
            [
                *(keys.TICKETS, keys.ATTEMPTS, keys.WAITING, keys.EXPIRIES, keys.BUCKETS),
                *(keys.tombstone(ticket.request_id), keys.met(ticket.user_id)),
                *own,
                *complements,
            ],
            [
                *(ticket.request_id, ticket.attempt, _ms(ticket.since), _ms(ticket.expires_at)),
                *(ticket_body(ticket), len(own), self._per_bucket(len(own))),
            ],
        )
        [[outcome, now_ms, match, entered, *page]] = await self._memory.run([opening])
        if outcome == b"older":
            await self.remove(ticket.request_id)
            return await self.open(ticket)
        return Opened(
            outcome=Outcome(outcome.decode()),
            entered=bool(entered),
            page=_page(now_ms, *page, number=0) if outcome == b"waiting" else None,
            match=read_match(match) if match else None,
        )

    async def candidates(self, ticket: Ticket, number: int = 0) -> Page:
        """Page `number` of those who may suit the ticket; a stale read, only a claim decides."""
        _, complements = _bucket_keys(ticket)
        size = self._per_bucket(len(complements))
        reading = _candidates.call(
            [keys.TICKETS, keys.met(ticket.user_id), *complements],
            [ticket.request_id, number * size, size],
        )
        [[now_ms, *page]] = await self._memory.run([reading])
        return _page(now_ms, *page, number=number)

    async def claim(self, pairing: Pairing, match: MatchFound) -> Claim:
        """Take both tickets out as `match`, if both still wait at the attempts scored.

        Atomic: of all claims on a ticket's attempt one succeeds. The match stays unpublished until
        `published`. Repeated with the same match it is claimed again.
        """
        sides, limits = match.sides, self._settings
        learnt, taught = primary(pairing.first_practises), primary(pairing.second_practises)
        claiming = _claim.call(
            [
                *(keys.TICKETS, keys.ATTEMPTS, keys.WAITING, keys.EXPIRIES),
                *(keys.UNPUBLISHED, keys.CLAIMED),
                *(keys.tombstone(side.request_id) for side in sides),
                *(keys.met(side.user_id) for side in sides),
                *(keys.waits(taught, learnt), keys.waits(learnt, taught)),
                *_bucket_keys(pairing.first)[0],
                *_bucket_keys(pairing.second)[0],
            ],
            [
                *(match.match_id, events.encode(match)),
                *(side.request_id for side in sides),
                *(side.attempt for side in sides),
                *(side.user_id for side in sides),
                *(TOMBSTONE_MS, int(limits.pool_met_expire_s * 1000), limits.pool_met_kept),
                *(int(limits.pool_waits_expire_s * 1000), limits.pool_waits_kept),
            ],
        )
        [reply] = await self._memory.run([claiming])
        return Claim(reply.decode())

    async def published(self, *matches: MatchFound) -> None:
        """The matches have been published; they are no longer kept for that."""
        ids = [match.match_id for match in matches]
        await self._memory.run([_published.call([keys.UNPUBLISHED, keys.CLAIMED], ids)])

    async def close(self, request_id: RequestId, expires_at: datetime) -> None:
        """Take the request out for good: no attempt of it enters again. Also before any has."""
        await self._take_out(request_id, str(_ms(expires_at) + TOMBSTONE_MS))

    async def remove(self, request_id: RequestId) -> None:
        """Take out whatever attempt waits, leaving no tombstone."""
        await self._take_out(request_id, "")

    async def _take_out(self, request_id: RequestId, tombstone_until: str) -> None:
        """Read the ticket for its buckets, then take it out if it is still that one, else again."""
        done = 0
        while not done:
            [body] = await self._memory.run([command("HGET", keys.TICKETS, request_id)])
            held = _bucket_keys(read_ticket(body))[0] if body else []
            closing = _close.call(
                [
                    *(keys.TICKETS, keys.ATTEMPTS, keys.WAITING, keys.EXPIRIES),
                    keys.tombstone(request_id),
                    *held,
                ],
                [request_id, body or b"", tombstone_until],
            )
            [done] = await self._memory.run([closing])

    def _per_bucket(self, buckets_read: int) -> int:
        limits = self._settings
        return max(1, min(limits.pool_page_size, limits.pool_page_total_max // buckets_read))


def read_time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _page(now_ms: int, met: list[bytes], bodies: list[bytes], more: int, *, number: int) -> Page:
    return Page(
        now=read_time(now_ms),
        candidates=[read_ticket(body) for body in bodies],
        met=frozenset(UserId(user.decode()) for user in met),
        more=bool(more),
        number=number,
    )


def _bucket_keys(ticket: Ticket) -> tuple[list[str], list[str]]:
    """(the ticket's own buckets, those of whom it may meet)"""
    pairs = buckets(ticket)
    own = [keys.bucket(native, practice) for native, practice in pairs]
    return own, [keys.bucket(practice, native) for native, practice in pairs]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
