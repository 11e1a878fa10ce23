"""What the bus counts: events out and in, what becomes of them, questions, queues and links."""

from shared.bus import topology
from shared.metrics import AGES_S, counter, gauge, histogram

PUBLISHED = counter(
    "parley_events_published",
    "Events handed to the broker: confirmed, unavailable (not in time), rejected (too large).",
    "type",
    "outcome",
)
PUBLISHING = histogram(
    "parley_event_publish_seconds", "From publishing an event to its confirm, or the failure."
)
CONSUMED = counter(
    "parley_events_consumed",
    "Deliveries settled: handled, returned (held too long or stopping), failed, buried.",
    "queue",
    "type",
    "outcome",
)
HANDLING = histogram(
    "parley_event_handling_seconds", "From taking an event up to settling it.", "queue", "type"
)
AGE = histogram(
    "parley_event_age_seconds",
    "How old an event is when it is taken up, from when its effect was decided.",
    "queue",
    buckets=AGES_S,
)
OLDEST = gauge(
    "parley_inbox_oldest_seconds",
    "Age of the oldest event in this process's hands, 0 if there is none.",
    "queue",
)
RETRIED = counter(
    "parley_events_retried",
    "Further attempts on an event: held for a store that is away, or failed and put back.",
    "queue",
    "cause",
)
BURIED = counter(
    "parley_events_buried",
    "Events that became dead letters: oversized, malformed, unhandled, rejected, failed.",
    "queue",
    "cause",
)
QUEUED = gauge("parley_queue_messages", "Messages ready in a queue, as last looked.", "queue")
DEAD_AGE = gauge(
    "parley_dead_letter_age_seconds", "Age of the oldest dead letter, 0 if there is none.", "queue"
)
ASKED = counter(
    "parley_requests_asked",
    "Questions to sessions: answered, refused, unavailable (no answer in time, or a fault).",
    "type",
    "outcome",
)
ASKING = histogram("parley_request_asked_seconds", "From asking to the answer.", "type")
ANSWERED = counter(
    "parley_requests_answered",
    "Questions dealt with: answered, refused, unavailable, failed, late (nobody waits any more).",
    "type",
    "outcome",
)
ANSWERING = histogram("parley_request_answering_seconds", "From question to reply.", "type")
LINK_UP = gauge("parley_amqp_link_up", "1 while this connection to the broker is up.", "link")
LINK_LOST = counter("parley_amqp_links_lost", "Times that a connection was lost.", "link")


def tend(queue: str) -> None:
    """Show a queue's counters from the start: what appears with its first count has no rate."""
    for cause in ("oversized", "malformed", "unhandled", "rejected", "failed"):
        BURIED.labels(queue, cause)
    for cause in ("unavailable", "failed"):
        RETRIED.labels(queue, cause)
    for shown in (queue, topology.dead_of(queue)):
        QUEUED.labels(shown)
    DEAD_AGE.labels(queue)
