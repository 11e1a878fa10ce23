"""What the matcher counts, on the way that tickets really take."""

from services.matcher import handlers, metrics
from services.matcher.matching import weigh
from services.matcher.pairing import Matchmaker, found
from services.matcher.pool import keys
from services.matcher.pool.tickets import Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.sweep import Sweep
from services.matcher.tests.people import ticket
from shared.domain import Ticket
from shared.events import PairMeasured, TicketOpened
from shared.memory import Memory, command
from shared.metrics import value
from shared.testing import Rise


async def open_one(matchmaker: Matchmaker, opened: Ticket, *, repeated: bool = False) -> None:
    event = TicketOpened(correlation_id=opened.request_id, ticket=opened, repeated=repeated)
    await handlers.open_ticket(matchmaker, event)


def offered(outcome: str) -> Rise:
    return Rise("parley_tickets_total", outcome=outcome)


async def test_tickets_claims_and_matches_count(matchmaker: Matchmaker) -> None:
    entered, again = offered("entered"), offered("claimed")
    won = Rise("parley_claims_total", outcome="won")
    arrival = Rise("parley_matches_found_total", by="arrival")
    scored = Rise("parley_match_score_count")
    ana, ben = ticket("es", "en"), ticket("en", "es")
    await open_one(matchmaker, ana)
    await open_one(matchmaker, ben)
    await open_one(matchmaker, ana)
    assert (entered.by, again.by, won.by, arrival.by, scored.by) == (2, 1, 1, 1, 1)


async def test_a_repeat_counts_as_reopening_only_if_the_ticket_was_lost(
    matchmaker: Matchmaker, memory: Memory
) -> None:
    reopened, waiting = Rise("parley_tickets_reopened_total"), offered("waiting")
    ana = ticket("es", "en")
    await open_one(matchmaker, ana)
    await open_one(matchmaker, ana, repeated=True)
    assert (reopened.by, waiting.by) == (0, 1)
    await memory.run([command("FLUSHDB")])
    await open_one(matchmaker, ana, repeated=True)
    assert reopened.by == 1


async def test_a_claim_that_somebody_faster_won_counts_as_lost(
    pool: Pool, matchmaker: Matchmaker
) -> None:
    """The page was read before the candidate was claimed by somebody else."""
    asking, candidate, other = ticket("es", "en"), ticket("en", "es"), ticket("es", "en")
    await pool.open(candidate)
    await pool.open(other)
    opened = await pool.open(asking)
    assert opened.page is not None
    pairing = weigh(candidate, other, opened.page.now, met_lately=False)
    assert pairing is not None
    await pool.claim(pairing, found(pairing))
    lost = Rise("parley_claims_total", outcome="lost")
    assert await matchmaker._pair(asking, opened.page, "arrival") is None
    assert lost.by == 1


async def test_the_pool_shows_by_language_pair(pool: Pool, sweep: Sweep) -> None:
    swept = Rise("parley_sweep_seconds_count")
    for each in (ticket("es", "en"), ticket("es", "en de"), ticket("fr", "de")):
        await pool.open(each)
    await sweep.step()
    assert swept.by == 1
    assert value("parley_pool_tickets") == 3
    shown = {
        pair: value("parley_pool_pair_tickets", native=pair[0], practice=pair[1])
        for pair in (("es", "en"), ("es", "de"), ("fr", "de"), ("other", "other"))
    }
    assert list(shown.values()) == [2, 1, 1, 0]


async def test_only_whoever_swept_last_shows_the_pool(
    pool: Pool, sweep: Sweep, memory: Memory
) -> None:
    await pool.open(ticket("es", "en"))
    await sweep.step()
    await memory.run([command("SET", keys.SWEEP, "another")])
    await sweep.step()
    assert value("parley_pool_tickets") == 0
    assert value("parley_pool_pair_tickets", native="es", practice="en") == 0


def test_no_more_pairs_are_shown_than_fit_a_page() -> None:
    """Whatever languages people come up with: the fullest, and the sum of the others."""
    pairs = [
        PairMeasured(native=f"n{number}", practice="en", waiting=1000 - number, recent_waits_s=())
        for number in range(500)
    ]
    metrics.show_pool(1, pairs)
    [family] = metrics.PAIRS.collect()
    assert len(family.samples) == metrics.PAIRS_SHOWN_MAX + 1
    left = sum(pair.waiting for pair in pairs[metrics.PAIRS_SHOWN_MAX :])
    assert value("parley_pool_pair_tickets", native="other", practice="other") == left
    metrics.show_no_pool()


async def test_a_lost_pool_and_a_match_told_for_another_count(
    pool: Pool, sweep: Sweep, upkeep: Upkeep
) -> None:
    losses, relaid = Rise("parley_pool_losses_total"), Rise("parley_matches_republished_total")
    ana, ben = ticket("es", "en"), ticket("en", "es")
    await pool.open(ana)
    opened = await pool.open(ben)
    assert opened.page is not None
    pairing = weigh(ana, ben, opened.page.now, met_lately=False)
    assert pairing is not None
    await pool.claim(pairing, found(pairing))
    await sweep.step()
    assert (losses.by, relaid.by) == (1, 1)
