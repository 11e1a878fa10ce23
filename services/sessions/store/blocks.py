"""The table `blocks`: who does not want to meet whom."""

from services.sessions.store.database import Connection, Transaction
from shared.identifiers import UserId

INSERT = """
INSERT INTO blocks (user_id, blocked_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
RETURNING true
"""
STANDING = """
SELECT count(*) AS number, coalesce(bool_or(blocked_id = $2), false) AS blocked
FROM blocks WHERE user_id = $1
"""
OF = "SELECT blocked_id FROM blocks WHERE user_id = $1 ORDER BY created_at DESC, blocked_id DESC"


async def standing(
    transaction: Transaction, user_id: UserId, blocked_id: UserId
) -> tuple[int, bool]:
    """How many the user has blocked, and whether this one is among them."""
    row = await transaction.connection.fetchrow(STANDING, user_id, blocked_id)
    assert row is not None, "an aggregate has one row"
    return row["number"], row["blocked"]


async def insert(transaction: Transaction, user_id: UserId, blocked_id: UserId) -> bool:
    """Whether the block is new."""
    new = await transaction.connection.fetchval(INSERT, user_id, blocked_id, transaction.now)
    return new is True


async def delete(transaction: Transaction, user_id: UserId, blocked_id: UserId) -> bool:
    """Whether there was one."""
    gone = await transaction.connection.fetchval(
        "DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2 RETURNING true",
        user_id,
        blocked_id,
    )
    return gone is True


async def of(connection: Connection, user_id: UserId) -> tuple[UserId, ...]:
    """Whom the user has blocked, newest first."""
    rows = await connection.fetch(OF, user_id)
    return tuple(row["blocked_id"] for row in rows)
