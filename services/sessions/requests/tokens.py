"""Rotating refresh tokens."""

import structlog

from services.sessions.outbox import Outbox
from services.sessions.store import refresh_tokens
from services.sessions.store.database import Transaction
from services.sessions.store.refresh_tokens import Rotation
from shared.errors import Refused
from shared.requests import Done, RotateToken

log = structlog.get_logger()


async def rotate_token(outbox: Outbox, asked: RotateToken) -> Done:
    """The refusal is raised after the commit: a revoked family must stay revoked."""

    async def body(transaction: Transaction) -> Rotation:
        return await refresh_tokens.rotate(
            transaction,
            asked.user_id,
            asked.token_id,
            asked.successor_id,
            asked.successor_expires_in_s,
        )

    rotation = await outbox.transact([asked.user_id], body)
    if rotation is Rotation.SUCCEEDED:
        return Done()
    if rotation is Rotation.FAMILY_REVOKED:
        log.warning("token.family_revoked", user_id=asked.user_id, token_id=asked.token_id)
    raise Refused("token-revoked", "this refresh token is no longer valid")
