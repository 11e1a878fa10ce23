"""What an `Idempotency-Key` did before, and keeping what it does now, one user at a time."""

from datetime import timedelta

from services.sessions.config import Settings
from services.sessions.requests.refusals import idempotency_mismatch
from services.sessions.store import idempotency_keys
from services.sessions.store.database import Transaction
from services.sessions.store.idempotency_keys import Effect
from shared.domain import Idempotency
from shared.identifiers import UserId


async def done_before(
    transaction: Transaction, user_id: UserId, idempotency: Idempotency | None
) -> str | None:
    """The id of what the key made, if it did. Refused: `idempotency-mismatch`."""
    if idempotency is None:
        return None
    asked = [Effect(user_id, idempotency, "")]
    kept = (await idempotency_keys.find(transaction, asked)).get(user_id)
    if kept is None:
        return None
    if kept.idempotency != idempotency:
        raise idempotency_mismatch()
    return kept.effect_id


async def keep(
    transaction: Transaction,
    user_id: UserId,
    idempotency: Idempotency | None,
    effect_id: str,
    settings: Settings,
) -> None:
    if idempotency is not None:
        until = transaction.now + timedelta(seconds=settings.idempotency_retention_s)
        await idempotency_keys.keep(transaction, [Effect(user_id, idempotency, effect_id)], until)
