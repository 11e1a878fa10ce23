"""What is open is told again: `repeat_at` of pending requests and live sessions.

No statement here waits for a row: whatever is locked is in transition and will be told anyway.
"""

from collections.abc import Sequence
from typing import Literal

from services.sessions.store.database import Connection, rows

Table = Literal["match_requests", "chat_sessions"]

CLAIM = """
UPDATE {table} SET repeat_at = statement_timestamp() + $1::float * interval '1 s'
WHERE id IN (SELECT id FROM {table} WHERE repeat_at <= statement_timestamp()
             ORDER BY repeat_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id
"""
TOLD = """
UPDATE {table}
SET repeats = least(repeats + 1, 100),
    repeat_at = statement_timestamp()
        + least($2::float * 2 ^ least(repeats + 1, 20), $3::float) * interval '1 s'
WHERE id IN (SELECT id FROM {table} WHERE id = ANY($1::uuid[])
             AND coalesce(repeat_at > statement_timestamp(), false)
             FOR NO KEY UPDATE SKIP LOCKED)
"""  # coalesce keeps it from reading the index of all that is open instead of the ids
NOW = """
UPDATE {table} SET repeat_at = statement_timestamp()
WHERE id IN (SELECT id FROM {table} WHERE repeat_at > statement_timestamp()
             LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
"""
TABLES: tuple[Table, ...] = ("match_requests", "chat_sessions")


async def claim(connection: Connection, table: Table, limit: int, lease_s: float) -> list[str]:
    """Ids of what is due, ours for the lease: unless `told` in time, they are due again."""
    query = CLAIM.format(table=table)
    return [row["id"] for row in await connection.fetch(query, lease_s, limit)]


async def told(
    connection: Connection, table: Table, ids: Sequence[str], first_s: float, max_s: float
) -> None:
    """These were told: due again after twice as long as last time.

    What was made due meanwhile stays due.
    """
    query = TOLD.format(table=table)
    await connection.execute(query, ids, first_s, max_s)


async def all_now(connection: Connection, limit: int) -> None:
    """Everything open is due, so many rows in a statement."""
    for table in TABLES:
        query = NOW.format(table=table)
        while rows(await connection.execute(query, limit)) >= limit:
            pass
