"""Transactions over many users: a batch skips whoever is locked and takes them alone."""

from collections.abc import Awaitable, Callable, Collection

from services.sessions.outbox import Outbox
from services.sessions.store.database import Transaction
from shared.identifiers import UserId

Step = Callable[[Transaction], Awaitable[None]]


async def in_batches(outbox: Outbox, groups: Collection[Collection[UserId]], step: Step) -> None:
    """Run `step` for all groups whose users are free at once, and then for each of the others.

    The users of a group are only taken together: the two of a session, or one alone. `step` finds
    the locked ones in the transaction, and reads again what was read before without locks.
    """
    if not groups:
        return
    wanted = {user_id for group in groups for user_id in group}

    async def together(transaction: Transaction) -> frozenset[UserId]:
        await step(transaction)
        return transaction.locked

    locked = await outbox.transact(wanted, together, skip_locked=True, publish_first=True)
    for group in groups:
        if not locked.issuperset(group):
            await outbox.transact(group, step, publish_first=True)
