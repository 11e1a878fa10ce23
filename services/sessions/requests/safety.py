"""Blocking and unblocking."""

from services.sessions import transitions
from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.requests.refusals import unknown_user
from services.sessions.session import Blocked
from services.sessions.store import blocks, chat_sessions, match_requests, states
from services.sessions.store.database import Database, Transaction
from shared.domain import UserState
from shared.errors import Refused
from shared.events import UserBlocked
from shared.identifiers import is_id
from shared.requests import Blocks, BlockUser, Done, ListBlocks, UnblockUser


async def block_user(outbox: Outbox, settings: Settings, asked: BlockUser) -> UserState:
    """Ends a live session between the two; what either waits for gets a longer avoid list."""
    user_id, blocked_id = asked.user_id, asked.blocked_id
    if user_id == blocked_id:
        raise Refused("block-self", "nobody can block themselves")
    if not is_id(blocked_id):
        raise unknown_user()

    async def body(transaction: Transaction) -> UserState:
        present = await states.read(transaction.connection, [user_id, blocked_id])
        if any(user not in present or present[user].erased for user in (user_id, blocked_id)):
            raise unknown_user()
        number, already = await blocks.standing(transaction, user_id, blocked_id)
        if already:
            return present[user_id]
        if number >= settings.blocks_max:
            raise Refused("too-many-blocks", f"at most {settings.blocks_max} users can be blocked")
        await blocks.insert(transaction, user_id, blocked_id)
        return await _part(transaction, asked, present[user_id], settings)

    return await outbox.transact([user_id, blocked_id], body)


async def _part(
    transaction: Transaction, asked: BlockUser, state: UserState, settings: Settings
) -> UserState:
    """Let the new block take effect; the state of who blocked."""
    user_id, blocked_id = asked.user_id, asked.blocked_id
    transaction.events.append(
        UserBlocked(
            correlation_id=user_id, user_id=user_id, blocked_id=blocked_id, at=transaction.now
        )
    )
    pending = await match_requests.pending_of(transaction, [user_id, blocked_id])
    await transitions.reopen(transaction, pending, settings)
    if state.session is None or state.session.partner.id != blocked_id:
        return state
    live = await chat_sessions.live_of(transaction, [user_id])
    pairs = await transitions.happen(transaction, live, Blocked(), settings)
    return (await transitions.tell(transaction, pairs))[user_id]


async def unblock_user(outbox: Outbox, asked: UnblockUser) -> Done:
    """What waits already keeps its avoid list."""

    async def body(transaction: Transaction) -> Done:
        if not await blocks.delete(transaction, asked.user_id, asked.blocked_id):
            raise _not_blocked()
        return Done()

    if not is_id(asked.blocked_id):
        raise _not_blocked()
    return await outbox.transact([asked.user_id, asked.blocked_id], body)


def _not_blocked() -> Refused:
    return Refused("not-blocked", "this user is not blocked")


async def list_blocks(database: Database, asked: ListBlocks) -> Blocks:
    async with database.connection() as connection:
        return Blocks(user_ids=await blocks.of(connection, asked.user_id))
