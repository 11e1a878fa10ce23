"""What sessions counts: requests and sessions as they end, matches, the outbox, Postgres."""

import enum
from collections.abc import Iterable

from shared.domain import RequestEndReason, SessionEndReason, SessionStatus
from shared.events import (
    AnyEvent,
    FeedbackGiven,
    RequestEnded,
    SessionCreated,
    SessionEnded,
    TicketOpened,
)
from shared.metrics import TALKS_S, WAITS_S, counter, gauge, histogram


class Verdict(enum.StrEnum):
    """What became of a claimed pair: accepted, told again, or why it was voided.

    gone: a request is over. outdated: a later attempt is offered. engaged: somebody is in a live
    session. unwelcome: a block stands between the two, or they met in this line before.
    """

    ACCEPTED = "accepted"
    KNOWN = "known"
    GONE = "gone"
    OUTDATED = "outdated"
    ENGAGED = "engaged"
    UNWELCOME = "unwelcome"


OFFERED = counter(
    "parley_tickets_offered", "Tickets offered to the pool, by attempt: first or further.",
    "attempt",
)  # fmt: skip
ENDED = counter("parley_requests_ended", "Match requests that left pending, by reason.", "reason")
TIME_TO_MATCH = histogram(
    "parley_time_to_match_seconds",
    "From asking for a partner (the first time, of a requeued one) to an accepted match.",
    buckets=WAITS_S,
)
JUDGED = counter("parley_matches_judged", "Claimed pairs, by what became of them.", "verdict")
CREATED = counter("parley_sessions_created", "Accepted matches.")
SESSIONS_ENDED = counter("parley_sessions_ended", "Chat sessions that ended, by reason.", "reason")
COMPLETED = counter("parley_sessions_completed", "Sessions that both stayed in long enough.")
TALKED = histogram(
    "parley_talk_seconds", "How long those talked who got connected.", buckets=TALKS_S
)
RATED = counter("parley_ratings", "Talks rated, by rating, 1 to 5.", "rating")
REPEATED = counter("parley_repeats", "Open requests and live sessions told again.", "of")
DEADLINES_HELD = gauge(
    "parley_deadlines_held", "1 while no deadline of a session passes because of an outage."
)
HOLDS = counter("parley_deadline_holds", "Looks at due sessions that an outage held back.")
OFFLINE_DROPPED = counter(
    "parley_offline_dropped", "Events user.offline dropped because they were read too long ago."
)
OUTBOX_ROWS = gauge("parley_outbox_rows", "Events in the outbox, counted to 10,000.")
OUTBOX_AGE = gauge("parley_outbox_age_seconds", "Age of the oldest event in the outbox.")
RELAYED = counter("parley_outbox_relayed", "Events that a relay published for another process.")
PENDING = gauge("parley_requests_pending", "Requests that wait for a match, counted to 100,000.")
LIVE = gauge("parley_sessions_live", "Live sessions by status, counted to 100,000.", "status")
TRANSACTION = histogram(
    "parley_postgres_transaction_seconds", "Transactions, with their locks and further tries."
)
ACQUIRING = histogram("parley_postgres_acquire_seconds", "Waiting for a connection of the pool.")
IN_USE = gauge("parley_postgres_connections_used", "Connections of the pool in use.")
FAILED = counter(
    "parley_postgres_failures", "Uses of Postgres that failed: unavailable, overtaken.", "cause"
)

LIVE_STATUSES = (SessionStatus.WAITING, SessionStatus.CONNECTING, SessionStatus.ACTIVE)


def note(events: Iterable[AnyEvent]) -> None:
    """Count what a committed transaction caused."""
    for event in events:
        match event:
            case TicketOpened():
                OFFERED.labels("first" if event.ticket.attempt == 1 else "further").inc()
            case RequestEnded():
                _note_request(event)
            case SessionCreated():
                CREATED.inc()
            case SessionEnded():
                _note_session(event)
            case FeedbackGiven():
                RATED.labels(str(event.rating)).inc()


def _note_request(event: RequestEnded) -> None:
    ENDED.labels(event.reason).inc()
    if event.reason is RequestEndReason.MATCHED:
        TIME_TO_MATCH.observe(event.waited_s)


def _note_session(event: SessionEnded) -> None:
    SESSIONS_ENDED.labels(event.reason).inc()
    COMPLETED.inc(event.completed_minimum)
    if event.duration_s > 0:
        TALKED.observe(event.duration_s)


# What appears with its first count has no rate before it.
for _verdict in Verdict:
    JUDGED.labels(_verdict)
for _request_reason in RequestEndReason:
    ENDED.labels(_request_reason)
for _session_reason in SessionEndReason:
    SESSIONS_ENDED.labels(_session_reason)
for _status in LIVE_STATUSES:
    LIVE.labels(_status)
for _of in ("request", "session"):
    REPEATED.labels(_of)
for _cause in ("unavailable", "overtaken"):
    FAILED.labels(_cause)
for _attempt in ("first", "further"):
    OFFERED.labels(_attempt)
for _rating in range(1, 6):
    RATED.labels(str(_rating))
