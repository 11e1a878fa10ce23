"""The sweep: pairs whom waiting has made acceptable, and mends what a lost process left behind.

One process at a time takes a turn, to save work only: every step may run in several at once.
"""

from collections.abc import Iterable

import structlog

from services.matcher import metrics
from services.matcher.config import Settings
from services.matcher.matching import buckets
from services.matcher.pairing import Matchmaker
from services.matcher.pool.tickets import Pool
from services.matcher.pool.upkeep import Upkeep
from shared.domain import Ticket
from shared.events import MatchFound, PairMeasured, PoolLost, PoolMeasured
from shared.identifiers import RequestId, new_id
from shared.messaging import Publisher
from shared.metrics import timed

TURN = 0.9
"""Part of the interval that a turn lasts: the same process may take the next one."""

log = structlog.get_logger()


class Sweep:
    def __init__(
        self,
        pool: Pool,
        upkeep: Upkeep,
        matchmaker: Matchmaker,
        publisher: Publisher,
        settings: Settings,
        instance: str,
    ) -> None:
        self._pool = pool
        self._upkeep = upkeep
        self._matchmaker = matchmaker
        self._publisher = publisher
        self._settings = settings
        self._instance = instance
        self._turn_s = settings.matching_interval_s * TURN

    async def step(self) -> None:
        """One sweep, if it is this process's turn. Raises `Unavailable`; the next goes on."""
        if not await self._upkeep.begin(self._instance, self._turn_s):
            metrics.show_no_pool()
            return
        with timed(metrics.SWEEP):
            await self.check_epoch()
            await self.publish_unpublished()
            await self.drop_expired()
            await self.pair_waiting()
            await self.publish_figures()

    async def check_epoch(self) -> None:
        """Tell sessions if this Redis is not the one it has filled: `pool.lost`."""
        epoch, run_id = await self._upkeep.epoch()
        if epoch == run_id:
            return
        mark = f"lost:{new_id()}"
        await self._upkeep.mark_loss(mark)
        log.warning("pool.lost", epoch=epoch, run_id=run_id)
        metrics.LOST.inc()
        await self._publisher.publish(PoolLost(correlation_id=mark, epoch=run_id))
        await self._upkeep.learn_epoch(mark, run_id)

    async def publish_unpublished(self) -> None:
        """Publish what has stood claimed for too long: whoever claimed it did not live to."""
        age_s, count = self._settings.unpublished_after_s, self._settings.sweep_page_size
        while matches := await self._upkeep.unpublished(age_s, count):
            await self._matchmaker.announce(*matches)
            metrics.RELAID.inc(len(matches))

    async def drop_expired(self) -> None:
        """Take out what is past its time and was never closed."""
        while expired := await self._upkeep.expired(self._settings.sweep_page_size):
            for request_id in expired:
                await self._pool.remove(request_id)

    async def pair_waiting(self) -> None:
        """Pair all who have become acceptable, longest waiting first."""
        sizes: dict[tuple[str, str], int] = {}
        offset, page_size = 0, self._settings.sweep_page_size
        while tickets := await self._upkeep.waiting(offset, page_size):
            sizes |= await self._upkeep.sizes(_both_sides(tickets) - sizes.keys())
            paired = await self._pair([each for each in tickets if _may_choose(each, sizes)])
            # A pair takes up to two away from before the next page: rather look twice than skip.
            offset = max(0, offset + len(tickets) - 2 * paired)
            await self._upkeep.go_on(self._turn_s)

    async def publish_figures(self) -> None:
        at, measured = await self._upkeep.measure()
        fullest = sorted(measured, key=_fullest_first)[: self._settings.measured_pairs_max]
        metrics.show_pool(await self._upkeep.size(), fullest)
        await self._publisher.publish(
            PoolMeasured(correlation_id=new_id(), measured_at=at, pairs=tuple(fullest))
        )

    async def _pair(self, tickets: list[Ticket]) -> int:
        """Pair these with whom they can; how many pairs. They are told together at the end."""
        matches: list[MatchFound] = []
        gone: set[RequestId] = set()
        for ticket in tickets:
            if ticket.request_id in gone:
                continue
            match = await self._matchmaker.pair(ticket)
            if match is not None:
                matches.append(match)
                gone.update(side.request_id for side in match.sides)
        if matches:
            await self._matchmaker.announce(*matches)
        return len(matches)


def _both_sides(tickets: Iterable[Ticket]) -> set[tuple[str, str]]:
    """Where these wait, and where those wait who may suit them."""
    return {pair for each in tickets for own in buckets(each) for pair in (own, own[::-1])}


def _may_choose(ticket: Ticket, sizes: dict[tuple[str, str], int]) -> bool:
    """Whether somebody may suit, and the ticket is not of the larger side: the fewer choose, so
    that thousands do not each look at the one they cannot have."""
    pairs = [(sizes[own], sizes[own[::-1]]) for own in buckets(ticket)]
    return any(others > 0 and mine <= others for mine, others in pairs)


def _fullest_first(pair: PairMeasured) -> tuple[int, str, str]:
    return (-pair.waiting, pair.native, pair.practice)
