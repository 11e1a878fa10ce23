"""What the matcher counts: tickets, claims, who waits in the pool, sweeps."""

from collections.abc import Sequence

from shared.events import PairMeasured
from shared.metrics import OTHER, counter, gauge, histogram

# A pair of languages is two series at most; the others are shown as one sum.
PAIRS_SHOWN_MAX = 50

TICKETS = counter(
    "parley_tickets",
    "Tickets offered: entered, waiting (already there), claimed, closed, stale, expired.",
    "outcome",
)
REOPENED = counter(
    "parley_tickets_reopened", "Repeats that brought back a ticket the pool had lost."
)
CLAIMS = counter("parley_claims", "Claims of a pair: won, or lost to somebody faster.", "outcome")
MATCHES = counter(
    "parley_matches_found", "Pairs claimed, by what paired them: arrival or sweep.", "by"
)
SCORE = histogram(
    "parley_match_score",
    "Score of the pairs claimed.",
    buckets=(10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 120, 150, 200, 300),
)
RELAID = counter(
    "parley_matches_republished", "Matches published by a sweep because their claimer did not."
)
POOL = gauge("parley_pool_tickets", "Tickets that wait in the pool, each once.")
PAIRS = gauge(
    "parley_pool_pair_tickets",
    "Tickets that wait, by native and practised language; one stands in each of its pairs.",
    "native",
    "practice",
)
LOST = counter("parley_pool_losses", "Times that Redis was found empty or old.")
SWEEP = histogram(
    "parley_sweep_seconds",
    "How long a sweep of the pool takes.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
)

for _outcome in ("won", "lost"):
    CLAIMS.labels(_outcome)
for _by in ("arrival", "sweep"):
    MATCHES.labels(_by)


def won(by: str, score: int) -> None:
    """A pair was claimed."""
    CLAIMS.labels("won").inc()
    MATCHES.labels(by).inc()
    SCORE.observe(score)


def show_pool(waiting: int, fullest: Sequence[PairMeasured]) -> None:
    """The pool as this process has just measured it, the fullest pairs first."""
    PAIRS.clear()
    POOL.set(waiting)
    for pair in fullest[:PAIRS_SHOWN_MAX]:
        PAIRS.labels(pair.native, pair.practice).set(pair.waiting)
    PAIRS.labels(OTHER, OTHER).set(sum(pair.waiting for pair in fullest[PAIRS_SHOWN_MAX:]))


def show_no_pool() -> None:
    """Another process has measured since: it shows the pool, and only one may."""
    PAIRS.clear()
    POOL.set(0)
