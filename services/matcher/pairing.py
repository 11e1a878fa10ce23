"""Pairing one ticket with the best of its candidates: read, score, claim, and again if raced."""

from services.matcher import matching
from services.matcher.config import Settings
from services.matcher.matching import Pairing
from services.matcher.pool.tickets import Claim, Page, Pool
from shared.domain import MatchSide, Ticket
from shared.events import MatchFound
from shared.identifiers import SessionId, new_id
from shared.messaging import Publisher


async def pair(pool: Pool, ticket: Ticket, page: Page, settings: Settings) -> MatchFound | None:
    """The match that was claimed for the ticket, not yet published; None if it goes on waiting
    or was claimed by somebody else.

    Of a page in which the hard filter leaves anybody the best that reach the threshold are tried
    in turn; when all of them were claimed meanwhile, the candidates are read again. A page of
    which nobody is left is paged on.
    """
    rounds = 0
    while True:
        pairings = matching.rank(ticket, page.candidates, page.now, page.met)
        good = [each for each in pairings if _is_good(each, page, settings)]
        for pairing in good:
            match = found(pairing)
            claim = await pool.claim(pairing, match)
            if claim is Claim.CLAIMED:
                return match
            if _gone(claim, pairing) is ticket:
                return None
        if good:
            rounds += 1
            if rounds == settings.claim_rounds_max:
                return None
            page = await pool.candidates(ticket)
        elif not pairings and page.more and page.number + 1 < settings.pool_pages_max:
            page = await pool.candidates(ticket, page.number + 1)
        else:
            return None


async def announce(pool: Pool, publisher: Publisher, *matches: MatchFound) -> None:
    """Publish claimed matches; until this succeeds they stay unpublished and are told again."""
    await publisher.publish(*matches)
    await pool.published(*matches)


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


def _is_good(pairing: Pairing, page: Page, settings: Settings) -> bool:
    return pairing.score >= matching.threshold(pairing, page.now, settings.urgent_s)


def _gone(claim: Claim, pairing: Pairing) -> Ticket:
    return pairing.first if claim is Claim.FIRST_GONE else pairing.second
