"""Overview: is Parley well, and are people finding partners?"""

from deploy.grafana.panels import (
    Board,
    Panel,
    Query,
    Row,
    mean,
    most,
    quantile,
    quantiles,
    rate,
    total,
)

SERVICES = 'job=~"gateway|matcher|sessions"'
DEAD = 'queue=~".*dead"'
CALLS = "parley_http_seconds"
MATCHED = "parley_time_to_match_seconds"

BOARD = Board(
    "overview",
    "Parley: overview",
    (
        Row(
            "Now",
            (
                Panel("Sockets open", (Query(total("parley_sockets_open")),), kind="stat"),
                Panel("People waiting", (Query(most("parley_requests_pending")),), kind="stat"),
                Panel(
                    "Talking",
                    (Query(most("parley_sessions_live", where='status="active"')),),
                    kind="stat",
                ),
                Panel(
                    "Replicas ready",
                    (Query(total("parley_ready", "job", SERVICES), "{{job}}"),),
                    kind="stat",
                ),
                Panel(
                    "Dead letters",
                    (Query(f"sum ({most('parley_queue_messages', 'queue', DEAD)})"),),
                    kind="stat",
                    says="Should be none: see make dead-letters.",
                ),
                Panel(
                    "Oldest in the outbox",
                    (Query(most("parley_outbox_age_seconds")),),
                    "s",
                    kind="stat",
                ),
            ),
        ),
        Row(
            "People",
            (
                Panel("Time to match", quantiles(MATCHED), "s"),
                Panel(
                    "Requests ended",
                    (Query(rate("parley_requests_ended_total", "reason"), "{{reason}}"),),
                    "ops",
                    says="matched is what they came for; timeout is nobody fitting in time.",
                    stacked=True,
                ),
                Panel(
                    "Sessions ended",
                    (Query(rate("parley_sessions_ended_total", "reason"), "{{reason}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Promised and real wait",
                    (
                        Query(mean("parley_wait_estimated_seconds"), "promised"),
                        Query(mean("parley_wait_real_seconds"), "real"),
                    ),
                    "s",
                ),
                Panel("How long people talk", quantiles("parley_talk_seconds"), "s"),
                Panel(
                    "Ratings",
                    (Query(rate("parley_ratings_total", "rating"), "{{rating}}"),),
                    "ops",
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Calls",
            (
                Panel(
                    "Calls by status",
                    (Query(rate(f"{CALLS}_count", "status"), "{{status}}"),),
                    "reqps",
                    stacked=True,
                ),
                Panel("How long a call takes", quantiles(CALLS), "s"),
                Panel(
                    "How long asking for a partner takes",
                    quantiles(CALLS, where='method="POST",route="/api/v1/match/request"'),
                    "s",
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    "CPU",
                    (
                        Query(
                            rate("process_cpu_seconds_total", "job, instance", SERVICES),
                            "{{job}} {{instance}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Memory",
                    (
                        Query(
                            f"process_resident_memory_bytes{{{SERVICES}}}", "{{job}} {{instance}}"
                        ),
                    ),
                    "bytes",
                ),
                Panel(
                    "Event loop lag, p99",
                    (
                        Query(
                            quantile(0.99, "parley_event_loop_lag_seconds", "job, instance"),
                            "{{job}} {{instance}}",
                        ),
                    ),
                    "s",
                ),
            ),
        ),
    ),
)
