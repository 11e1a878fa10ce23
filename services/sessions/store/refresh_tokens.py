"""The table `refresh_tokens`: families of tokens, each exchanged for a successor.

Tokens are signed JWTs that carry the id stored here. Reading the table gives nobody a token, so the
ids are stored plain.
"""

import enum
from datetime import timedelta

from services.sessions.store.database import Transaction
from shared.identifiers import TokenId, UserId

BEGIN = """
INSERT INTO refresh_tokens (id, user_id, family, created_at, expires_at)
VALUES ($1, $2, $1, $3, $4) ON CONFLICT (id) DO NOTHING
"""
READ = """
SELECT token.family, token.expires_at <= $3 AS expired, next.id AS next_id,
       next.used_at IS NOT NULL AS next_used
FROM refresh_tokens AS token
LEFT JOIN refresh_tokens AS next ON next.predecessor_id = token.id
WHERE token.id = $1 AND token.user_id = $2
"""
USE = "UPDATE refresh_tokens SET used_at = coalesce(used_at, $2) WHERE id = $1"
SUCCEED = """
INSERT INTO refresh_tokens (id, user_id, family, predecessor_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""


class Rotation(enum.Enum):
    """What came of an exchange."""

    SUCCEEDED = "succeeded"
    UNKNOWN = "unknown"
    FAMILY_REVOKED = "family-revoked"


async def begin_family(
    transaction: Transaction, user_id: UserId, token_id: TokenId, expires_in_s: float
) -> None:
    """The first token of a sign-in."""
    expires_at = transaction.now + timedelta(seconds=expires_in_s)
    await transaction.connection.execute(BEGIN, token_id, user_id, transaction.now, expires_at)


async def rotate(
    transaction: Transaction,
    user_id: UserId,
    token_id: TokenId,
    successor_id: TokenId,
    expires_in_s: float,
) -> Rotation:
    """Exchange a token for a successor, in place of one that was never used.

    A token whose successor was used is out of date: two hold the same family, and one of them may
    have stolen it. Nobody can tell which, so the family ends.
    """
    connection, now = transaction.connection, transaction.now
    token = await connection.fetchrow(READ, token_id, user_id, now)
    if token is None or token["expired"]:
        return Rotation.UNKNOWN
    if token["next_id"] == successor_id:
        return Rotation.SUCCEEDED  # the same question, delivered again
    if token["next_used"]:
        await connection.execute("DELETE FROM refresh_tokens WHERE family = $1", token["family"])
        return Rotation.FAMILY_REVOKED
    if token["next_id"] is not None:
        await connection.execute("DELETE FROM refresh_tokens WHERE id = $1", token["next_id"])
    await connection.execute(USE, token_id, now)
    expires_at = now + timedelta(seconds=expires_in_s)
    await connection.execute(
        SUCCEED, successor_id, user_id, token["family"], token_id, now, expires_at
    )
    return Rotation.SUCCEEDED
