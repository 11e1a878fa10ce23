"""Pairing one ticket with the best of its candidates: read, score, claim, and again if raced."""

import asyncio
from contextlib import AbstractContextManager

from services.matcher import matching, metrics
from services.matcher.config import Settings
from services.matcher.matching import Pairing
from services.matcher.pool.tickets import Claim, Opened, Page, Pool
from services.matcher.pool.traces import published, trace_of, traced
from shared import tracing
from shared.domain import MatchSide, Ticket
from shared.events import MatchFound
from shared.identifiers import SessionId, new_id
from shared.messaging import EncodedPublisher


class Matchmaker:
    """Pairs tickets, one at a time in a process.

    Taking turns costs little, since Redis runs the scripts one by one anyway, and spares the
    claims that would be lost to tasks of the same process that read the same candidates.
    """

    def __init__(self, pool: Pool, publisher: EncodedPublisher, settings: Settings) -> None:
        self._pool = pool
        self._publisher = publisher
        self._settings = settings
        self._turn = asyncio.Lock()

    async def enter(self, ticket: Ticket, *, repeated: bool = False) -> MatchFound | None:
        """Put the ticket into the pool and pair it if anybody suits; None if it goes on waiting or
        is out of the pool. A ticket that was claimed at this attempt gives its match again.
        """
        async with self._turn:
            opened = await self._pool.open(ticket)
            _note(opened, repeated)
            return await self._pair(ticket, opened.page, "arrival") if opened.page else opened.match

    async def pair(self, ticket: Ticket) -> MatchFound | None:
        """Pair a ticket that waits, if anybody suits by now."""
        async with self._turn:
            return await self._pair(ticket, await self._pool.candidates(ticket), "sweep")

    async def announce(self, *matches: MatchFound) -> None:
        """Publish claimed matches; until this succeeds they stay unpublished and are told again."""
        await self._publisher.publish_encoded(*map(published, matches))
        await self._pool.published(*matches)

    async def _pair(self, ticket: Ticket, page: Page, by: str) -> MatchFound | None:
        """Try the best that reach the threshold in turn; read again if all were claimed meanwhile,
        and page on while the hard filter leaves nobody."""
        pool, limits, rounds = self._pool, self._settings, 0
        while True:
            pairings = matching.rank(ticket, page.candidates, page.now, page.met)
            good = [each for each in pairings if self._is_good(each, page)]
            for pairing in good:
                with _span(ticket, pairing):
                    match = traced(found(pairing))
                    claim = await pool.claim(pairing, match)
                    tracing.note(parley__claim=claim, parley__score=pairing.score)
                if claim is Claim.CLAIMED:
                    metrics.won(by, pairing.score)
                    return match
                metrics.CLAIMS.labels("lost").inc()
                if _gone(claim, pairing) is ticket:
                    return None
            rounds += bool(good)
            if good and rounds < limits.claim_rounds_max:
                page = await pool.candidates(ticket)
            elif not pairings and page.more and page.number + 1 < limits.pool_pages_max:
                page = await pool.candidates(ticket, page.number + 1)
            else:
                return None

    def _is_good(self, pairing: Pairing, page: Page) -> bool:
        return pairing.score >= matching.threshold(pairing, page.now, self._settings.urgent_s)


def _span(ticket: Ticket, pairing: Pairing) -> AbstractContextManager[object]:
    """Of the later ticket's trace, linked to the other's. Later is who arrives, and else who has
    waited less."""
    other = pairing.first if ticket is pairing.second else pairing.second
    here = tracing.carried()
    traces = [here or trace_of(ticket), trace_of(other)]
    if not here and ticket is pairing.first:
        traces.reverse()
    later, *earlier = [trace for trace in traces if trace] or [""]
    return tracing.span("pair", tracing.INTERNAL, later, earlier)


def _note(opened: Opened, repeated: bool) -> None:
    """A repeat that entered brought back what the pool had lost."""
    metrics.TICKETS.labels("entered" if opened.entered else opened.outcome).inc()
    if repeated and opened.entered:
        metrics.REOPENED.inc()


def found(pairing: Pairing) -> MatchFound:
    """The event that tells of the pairing, the longer waiter first."""
    first, second = pairing.first, pairing.second
    return MatchFound(
        match_id=SessionId(new_id()),
        correlation_id=first.request_id,
        sides=(_side(first, pairing.first_practises), _side(second, pairing.second_practises)),
        score=pairing.score,
    )


def _side(ticket: Ticket, practises: str) -> MatchSide:
    return MatchSide(
        request_id=ticket.request_id,
        attempt=ticket.attempt,
        user_id=ticket.user_id,
        practises=practises,
    )


def _gone(claim: Claim, pairing: Pairing) -> Ticket:
    return pairing.first if claim is Claim.FIRST_GONE else pairing.second
