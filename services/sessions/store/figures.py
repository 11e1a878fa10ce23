"""Figures over all tables: how much is open, and what the outbox holds."""

import msgspec
from msgspec import Struct

from services.sessions.store.database import Connection, structs

# Counted to a bound: whoever looks wants to know that it is too much, not by how much.
OUTBOX_MAX = 10_000
OPEN_MAX = 100_000

FIGURES = """
SELECT row_to_json(figures) FROM (
    SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS x) AS outbox_rows,
           (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float
            FROM outbox) AS outbox_age_s,
           (SELECT count(*) FROM (SELECT FROM match_requests WHERE ended_at IS NULL LIMIT $2)
            AS x) AS pending,
           (SELECT coalesce(json_object_agg(status, n), '{}') FROM (
                SELECT status, count(*) AS n FROM (
                    SELECT status FROM chat_sessions WHERE repeat_at IS NOT NULL LIMIT $2) AS x
                GROUP BY status) AS y) AS live
) AS figures
"""


class Figures(Struct, frozen=True, kw_only=True):
    """`live` counts live sessions by status; `outbox_age_s` is that of the oldest row, or 0."""

    outbox_rows: int
    outbox_age_s: float
    pending: int
    live: dict[str, int]


_figures = msgspec.json.Decoder(Figures)


async def read(connection: Connection) -> Figures:
    [figures] = await structs(connection, _figures, FIGURES, OUTBOX_MAX, OPEN_MAX)
    return figures
