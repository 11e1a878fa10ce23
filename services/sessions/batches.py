"""Transactions over many users, which wait for nobody."""

from collections.abc import Awaitable, Callable, Collection

from services.sessions.outbox import Outbox
from services.sessions.store.database import Transaction
from shared.identifiers import UserId

Group = tuple[UserId, ...]
Step = Callable[[Transaction], Awaitable[None]]


async def together(outbox: Outbox, groups: Collection[Group], step: Step) -> set[Group]:
    """Run `step` once, for all groups whose users are free; returns the groups that were skipped.

    The users of a group are only taken together: the two of a session, or one alone. The groups
    were read without locks: `step` sees in the transaction who is locked and reads again.
    """
    if not groups:
        return set()
    wanted = {user_id for group in groups for user_id in group}

    async def body(transaction: Transaction) -> frozenset[UserId]:
        await step(transaction)
        return transaction.locked

    locked = await outbox.transact(wanted, body, skip_locked=True, publish_first=True)
    return {group for group in groups if not locked.issuperset(group)}
