"""Sockets, calls and sessions: what people's devices see."""

from deploy.grafana.panels import Board, Panel, Query, Row, most, quantile, quantiles, rate, total

CALLS = "parley_http_seconds"

BOARD = Board(
    "realtime",
    "Parley: sockets and sessions",
    (
        Row(
            "Sockets",
            (
                Panel(
                    "Open",
                    (Query(total("parley_sockets_open", "instance"), "{{instance}}"),),
                    stacked=True,
                ),
                Panel(
                    "Closed by code",
                    (Query(rate("parley_sockets_closed_total", "code"), "{{code}}"),),
                    "ops",
                    says="4000 to 4499 come back, 4500 to 4999 do not; 1001: a page was left.",
                    stacked=True,
                ),
                Panel(
                    "Handshakes refused",
                    (Query(rate("parley_sockets_refused_total", "status"), "{{status}}"),),
                    "ops",
                ),
                Panel(
                    "Welcomes",
                    (Query(rate("parley_resumes_total", "outcome"), "{{outcome}}"),),
                    "ops",
                    says="lost: something relayed was gone; the two negotiate anew.",
                    stacked=True,
                ),
                Panel(
                    "Frames from clients",
                    (Query(rate("parley_frames_received_total", "type"), "{{type}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Frames to clients",
                    (Query(rate("parley_frames_sent_total", "type"), "{{type}}"),),
                    "ops",
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Sessions",
            (
                Panel(
                    "Live",
                    (Query(most("parley_sessions_live", "status"), "{{status}}"),),
                    stacked=True,
                ),
                Panel(
                    "Ended",
                    (Query(rate("parley_sessions_ended_total", "reason"), "{{reason}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel("How long people talk", quantiles("parley_talk_seconds"), "s"),
                Panel(
                    "Relayed between partners",
                    (
                        Query(
                            rate("parley_frames_relayed_total", "type, outcome"),
                            "{{type}} {{outcome}}",
                        ),
                    ),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Silent users",
                    (Query(rate("parley_users_silent_total"), "announced"),),
                    "ops",
                ),
                Panel(
                    "Held off for an outage",
                    (
                        Query(most("parley_presence_held"), "silence"),
                        Query(most("parley_deadlines_held"), "deadlines"),
                    ),
                    says="1 while nobody is taken down: somebody's store was away lately.",
                ),
            ),
        ),
        Row(
            "Calls",
            (
                Panel(
                    "By route",
                    (Query(rate(f"{CALLS}_count", "method, route"), "{{method}} {{route}}"),),
                    "reqps",
                    stacked=True,
                ),
                Panel(
                    "p95 by route",
                    (
                        Query(
                            quantile(0.95, CALLS, "method, route"),
                            "{{method}} {{route}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "By status",
                    (Query(rate(f"{CALLS}_count", "status"), "{{status}}"),),
                    "reqps",
                    stacked=True,
                ),
                Panel(
                    "Refused by a limit",
                    (Query(rate("parley_limited_total", "limit"), "{{limit}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Limits lifted for want of Redis",
                    (Query(rate("parley_limits_open_total"), "times"),),
                    "ops",
                ),
                Panel(
                    "Deadlines and silence held off",
                    (
                        Query(rate("parley_deadline_holds_total"), "deadlines"),
                        Query(rate("parley_presence_holds_total"), "silence"),
                        Query(rate("parley_offline_dropped_total"), "old news dropped"),
                    ),
                    "ops",
                ),
            ),
        ),
    ),
)
