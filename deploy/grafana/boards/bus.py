"""The bus: what it carries, how long that takes, what is stuck."""

from deploy.grafana.panels import Board, Panel, Query, Row, most, quantile, quantiles, rate, total

INBOXES = 'queue=~".*inbox"'
DEAD = 'queue=~".*dead"'

BOARD = Board(
    "bus",
    "Parley: bus",
    (
        Row(
            "Events",
            (
                Panel(
                    "Published",
                    (Query(rate("parley_events_published_total", "type"), "{{type}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Published, by outcome",
                    (Query(rate("parley_events_published_total", "outcome"), "{{outcome}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel("How long a confirm takes", quantiles("parley_event_publish_seconds"), "s"),
                Panel(
                    "Consumed",
                    (
                        Query(
                            rate("parley_events_consumed_total", "queue, outcome"),
                            "{{queue}} {{outcome}}",
                        ),
                    ),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Age when taken up, p95",
                    (Query(quantile(0.95, "parley_event_age_seconds", "queue"), "{{queue}}"),),
                    "s",
                ),
                Panel(
                    "How long handling takes, p95",
                    (Query(quantile(0.95, "parley_event_handling_seconds", "type"), "{{type}}"),),
                    "s",
                ),
            ),
        ),
        Row(
            "Stuck",
            (
                Panel(
                    "Waiting in the inboxes",
                    (Query(most("parley_queue_messages", "queue", INBOXES), "{{queue}}"),),
                ),
                Panel(
                    "Oldest event in hand",
                    (Query(most("parley_inbox_oldest_seconds", "queue"), "{{queue}}"),),
                    "s",
                ),
                Panel(
                    "Dead letters",
                    (Query(most("parley_queue_messages", "queue", DEAD), "{{queue}}"),),
                ),
                Panel(
                    "Age of the oldest dead letter",
                    (Query(most("parley_dead_letter_age_seconds", "queue"), "{{queue}}"),),
                    "s",
                ),
                Panel(
                    "Tried again",
                    (
                        Query(
                            rate("parley_events_retried_total", "queue, cause"),
                            "{{queue}} {{cause}}",
                        ),
                    ),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Buried",
                    (
                        Query(
                            rate("parley_events_buried_total", "queue, cause"),
                            "{{queue}} {{cause}}",
                        ),
                    ),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Outbox",
                    (
                        Query(most("parley_outbox_rows"), "rows"),
                        Query(most("parley_outbox_age_seconds"), "age of the oldest, s"),
                        Query(rate("parley_outbox_relayed_total"), "relayed for others, per s"),
                    ),
                ),
            ),
        ),
        Row(
            "Questions to sessions",
            (
                Panel(
                    "Asked",
                    (Query(rate("parley_requests_asked_total", "outcome"), "{{outcome}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Until the answer, p95",
                    (Query(quantile(0.95, "parley_request_asked_seconds", "type"), "{{type}}"),),
                    "s",
                ),
                Panel(
                    "Answered",
                    (Query(rate("parley_requests_answered_total", "outcome"), "{{outcome}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Answering, p95",
                    (
                        Query(
                            quantile(0.95, "parley_request_answering_seconds", "type"), "{{type}}"
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Connections to the broker",
                    (Query(total("parley_amqp_link_up", "link"), "{{link}}"),),
                    stacked=True,
                ),
                Panel(
                    "Connections lost",
                    (Query(rate("parley_amqp_links_lost_total", "link"), "{{link}}"),),
                    "ops",
                ),
            ),
        ),
        Row(
            "RabbitMQ",
            (
                Panel(
                    "Messages",
                    (
                        Query(total("rabbitmq_queue_messages_ready"), "ready"),
                        Query(total("rabbitmq_queue_messages_unacked"), "in hand"),
                    ),
                    says="By the broker's own plug-in rabbitmq_prometheus.",
                ),
                Panel(
                    "Connections",
                    (
                        Query(total("rabbitmq_connections"), "connections"),
                        Query(total("rabbitmq_channels"), "channels"),
                    ),
                ),
                Panel(
                    "Memory and disk left",
                    (
                        Query(total("rabbitmq_process_resident_memory_bytes"), "memory"),
                        Query(total("rabbitmq_resident_memory_limit_bytes"), "publishers stop at"),
                        Query(total("rabbitmq_disk_space_available_bytes"), "disk left"),
                    ),
                    "bytes",
                ),
            ),
        ),
    ),
)
