"""Transactions over many users: a batch skips whoever is locked and takes them alone."""

from collections.abc import Awaitable, Callable, Collection

from services.sessions.outbox import Outbox
from services.sessions.store.database import Transaction
from shared.identifiers import UserId

Group = tuple[UserId, ...]
Find = Callable[[], Awaitable[Collection[Group]]]
Step = Callable[[Transaction], Awaitable[None]]


async def in_batches(outbox: Outbox, find: Find, step: Step) -> int:
    """Run `step` for all groups found whose users are free, at once, then for each of the others.

    The users of a group are only taken together: the two of a session, or one alone. `find` reads
    without locks; `step` sees who is locked in the transaction and reads again. Whoever held the
    others may have done the work: `find` is asked again before they are waited for. Returns how
    many groups were found.
    """
    groups = set(await find())
    if not groups:
        return 0
    wanted = {user_id for group in groups for user_id in group}

    async def together(transaction: Transaction) -> frozenset[UserId]:
        await step(transaction)
        return transaction.locked

    locked = await outbox.transact(wanted, together, skip_locked=True, publish_first=True)
    skipped = {group for group in groups if not locked.issuperset(group)}
    for group in skipped.intersection(await find()) if skipped else ():
        await outbox.transact(group, step, publish_first=True)
    return len(groups)
