"""Deleting what has expired, a bounded number of rows at a time."""

from services.sessions.store.database import Connection, rows

KEYS = """
DELETE FROM idempotency_keys WHERE (user_id, operation, key) IN (
    SELECT user_id, operation, key FROM idempotency_keys
    WHERE expires_at < statement_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
TOKENS = """
DELETE FROM refresh_tokens WHERE id IN (
    SELECT id FROM refresh_tokens
    WHERE expires_at < statement_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
PULSES = """
DELETE FROM pulses WHERE sent_at IN (
    SELECT sent_at FROM pulses  -- nothing looks back further than two minutes
    WHERE sent_at < statement_timestamp() - interval '5 minutes' LIMIT $1 FOR UPDATE SKIP LOCKED)
"""


async def prune(connection: Connection, limit: int) -> bool:
    """Whether there may be more."""
    gone = []
    for query in (KEYS, TOKENS, PULSES):
        gone.append(rows(await connection.execute(query, limit)))
    return max(gone) >= limit
