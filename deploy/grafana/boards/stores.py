"""The stores as the services see them, and the processes themselves."""

from deploy.grafana.panels import Board, Panel, Query, Row, quantile, quantiles, rate, total

SERVICES = 'job=~"gateway|matcher|sessions"'
REDIS = "parley_redis_seconds"
CALLS = 'client="redis"'  # The doorbell's reads block for seconds by design.
POSTGRES = "parley_postgres_transaction_seconds"
PLACE = "{{job}} {{instance}}"

BOARD = Board(
    "stores",
    "Parley: stores and processes",
    (
        Row(
            "Redis",
            (
                Panel(
                    "Round trips",
                    (Query(rate(f"{REDIS}_count", "job, client"), "{{job}} {{client}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel("How long a round trip takes", quantiles(REDIS, "job", CALLS), "s"),
                Panel(
                    "Out of reach",
                    (Query(rate("parley_redis_failures_total", "job"), "{{job}}"),),
                    "ops",
                ),
            ),
        ),
        Row(
            "Postgres",
            (
                Panel("Transactions", (Query(rate(f"{POSTGRES}_count"), "transactions"),), "ops"),
                Panel("How long a transaction takes", quantiles(POSTGRES), "s"),
                Panel(
                    "Failures",
                    (Query(rate("parley_postgres_failures_total", "cause"), "{{cause}}"),),
                    "ops",
                    says="overtaken: tried again, as two transactions met.",
                ),
                Panel(
                    "Connections in use",
                    (Query(total("parley_postgres_connections_used", "instance"), "{{instance}}"),),
                    stacked=True,
                ),
                Panel(
                    "Waiting for a connection",
                    quantiles("parley_postgres_acquire_seconds"),
                    "s",
                    says="More than a moment: the pool is too small, or statements are slow.",
                ),
                Panel(
                    "Stores as readiness sees them",
                    (
                        Query(
                            f"min by (job, check) (parley_check_ok{{{SERVICES}}})",
                            "{{job}} {{check}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    "CPU",
                    (Query(rate("process_cpu_seconds_total", "job, instance", SERVICES), PLACE),),
                    "percentunit",
                ),
                Panel(
                    "Memory",
                    (Query(f"process_resident_memory_bytes{{{SERVICES}}}", PLACE),),
                    "bytes",
                ),
                Panel(
                    "Open files",
                    (Query(f"process_open_fds{{{SERVICES}}}", PLACE),),
                ),
                Panel(
                    "Event loop lag",
                    (
                        Query(
                            quantile(0.99, "parley_event_loop_lag_seconds", "job, instance"), PLACE
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Garbage collected",
                    (
                        Query(
                            rate("python_gc_collections_total", "job, generation", SERVICES),
                            "{{job}} generation {{generation}}",
                        ),
                    ),
                    "ops",
                ),
                Panel(
                    "Age",
                    (Query(f"time() - process_start_time_seconds{{{SERVICES}}}", PLACE),),
                    "s",
                    says="Falls to nothing when a process was started again.",
                ),
            ),
        ),
    ),
)
