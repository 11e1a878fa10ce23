"""Matching: who waits, how pairs come about, and what becomes of them."""

from deploy.grafana.panels import Board, Panel, Query, Row, mean, most, quantile, quantiles, rate

PAIRS = most("parley_pool_pair_tickets", "native, practice")
ERROR = "parley_wait_error_seconds"

BOARD = Board(
    "matching",
    "Parley: matching",
    (
        Row(
            "The pool",
            (
                Panel(
                    "Waiting",
                    (
                        Query(most("parley_requests_pending"), "requests"),
                        Query(most("parley_pool_tickets"), "tickets in the pool"),
                    ),
                    says="They part when the pool lost tickets, or while matches are on their way.",
                ),
                Panel(
                    "Waiting by languages",
                    (Query(f"topk(15, {PAIRS})", "{{native}} practising {{practice}}"),),
                ),
                Panel("How long a sweep takes", quantiles("parley_sweep_seconds"), "s"),
                Panel(
                    "Tickets offered to the pool",
                    (Query(rate("parley_tickets_total", "outcome"), "{{outcome}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Brought back by repeats",
                    (
                        Query(rate("parley_tickets_reopened_total"), "tickets reopened"),
                        Query(rate("parley_matches_republished_total"), "matches republished"),
                        Query(rate("parley_pool_losses_total"), "pools lost"),
                    ),
                    "ops",
                    says="What would have been lost if nothing were told twice.",
                ),
                Panel(
                    "Told again",
                    (Query(rate("parley_repeats_total", "of"), "{{of}}"),),
                    "ops",
                ),
            ),
        ),
        Row(
            "Pairs",
            (
                Panel(
                    "Pairs found",
                    (Query(rate("parley_matches_found_total", "by"), "by {{by}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Claims",
                    (Query(rate("parley_claims_total", "outcome"), "{{outcome}}"),),
                    "ops",
                    says="Lost ones went to another replica that was faster.",
                    stacked=True,
                ),
                Panel("Score", quantiles("parley_match_score")),
                Panel(
                    "What becomes of pairs",
                    (Query(rate("parley_matches_judged_total", "verdict"), "{{verdict}}"),),
                    "ops",
                    says="Voided: gone, outdated, engaged, unwelcome.",
                    stacked=True,
                ),
                Panel(
                    "Tickets by attempt",
                    (Query(rate("parley_tickets_offered_total", "attempt"), "{{attempt}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Sessions created",
                    (
                        Query(rate("parley_sessions_created_total"), "created"),
                        Query(rate("parley_sessions_completed_total"), "both stayed long enough"),
                    ),
                    "ops",
                ),
            ),
        ),
        Row(
            "Waits",
            (
                Panel(
                    "Time to match",
                    (
                        *quantiles("parley_time_to_match_seconds"),
                        Query(quantile(0.99, "parley_time_to_match_seconds"), "p99"),
                    ),
                    "s",
                ),
                Panel(
                    "Promised and real wait",
                    (
                        Query(mean("parley_wait_estimated_seconds"), "promised"),
                        Query(mean("parley_wait_real_seconds"), "real"),
                    ),
                    "s",
                    says="Of those who were promised a time and matched.",
                ),
                Panel(
                    "How far promises were off",
                    (
                        Query(quantile(0.5, ERROR), "p50"),
                        Query(quantile(0.9, ERROR), "p90"),
                    ),
                    "s",
                ),
                Panel(
                    "Matched sooner or later than promised",
                    (Query(rate(f"{ERROR}_count", "matched"), "{{matched}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Waits that could be promised",
                    (Query(rate("parley_estimates_total", "given"), "{{given}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Requests ended",
                    (Query(rate("parley_requests_ended_total", "reason"), "{{reason}}"),),
                    "ops",
                    stacked=True,
                ),
            ),
        ),
    ),
)
