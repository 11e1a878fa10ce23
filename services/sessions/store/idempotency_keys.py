"""The table `idempotency_keys`: what a key did, kept in the transaction of its effect."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record
from msgspec import Struct

from services.sessions.store.database import Transaction
from shared.domain import Idempotency
from shared.identifiers import UserId

FIND = """
SELECT user_id, operation, key, body_sha256, effect_id, expires_at > $4 AS holds
FROM idempotency_keys
JOIN unnest($1::uuid[], $2::text[], $3::text[]) AS asked (user_id, operation, key)
    USING (user_id, operation, key)
"""  # `holds` is no condition: it would tempt to the index of what expires
KEEP = """
INSERT INTO idempotency_keys (user_id, operation, key, body_sha256, effect_id, expires_at)
SELECT *, $6 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[])
ON CONFLICT (user_id, operation, key)  -- only one that has expired can be in the way
DO UPDATE SET body_sha256 = excluded.body_sha256, effect_id = excluded.effect_id,
              expires_at = excluded.expires_at
"""


class Effect(Struct, frozen=True):
    """What the user's key did: the id of what it made."""

    user_id: UserId
    idempotency: Idempotency
    effect_id: str


async def find(transaction: Transaction, asked: Sequence[Effect]) -> dict[UserId, Effect]:
    """What these keys, at most one per user, did before."""
    if not asked:
        return {}
    users, operations, keys = _columns(asked)
    rows = await transaction.connection.fetch(FIND, users, operations, keys, transaction.now)
    return {row["user_id"]: _effect(row) for row in rows if row["holds"]}


def _effect(row: Record) -> Effect:
    key, operation, sha256 = row["key"], row["operation"], row["body_sha256"]
    idempotency = Idempotency(key=key, operation=operation, body_sha256=sha256)
    return Effect(row["user_id"], idempotency, row["effect_id"])


async def keep(transaction: Transaction, effects: Sequence[Effect], until: datetime) -> None:
    if not effects:
        return
    await transaction.connection.execute(
        KEEP,
        *_columns(effects),
        [effect.idempotency.body_sha256 for effect in effects],
        [effect.effect_id for effect in effects],
        until,
    )


def _columns(effects: Sequence[Effect]) -> tuple[list[UserId], list[str], list[str]]:
    return (
        [effect.user_id for effect in effects],
        [effect.idempotency.operation for effect in effects],
        [effect.idempotency.key for effect in effects],
    )
