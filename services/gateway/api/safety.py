"""Whom a caller does not want to meet."""

from starlette.responses import Response

from services.gateway.api.answers import nothing, ok
from services.gateway.api.dependencies import UserCall
from services.gateway.api.paths import identifier
from shared.identifiers import UserId
from shared.requests import BlockUser, ListBlocks, UnblockUser


async def blocks(call: UserCall) -> Response:
    """200 `{user_ids: […]}`, newest first."""
    return ok(await call.parts.asker.ask(ListBlocks(user_id=call.user_id)))


async def block(call: UserCall) -> Response:
    """204, also when blocked before. 404 `unknown-user`, 422 `block-self` or `too-many-blocks`."""
    blocked_id = _other(call)
    state = await call.parts.asker.ask(BlockUser(user_id=call.user_id, blocked_id=blocked_id))
    return nothing(call.parts.telling(state))


async def unblock(call: UserCall) -> Response:
    """204, or 404 `not-blocked`."""
    await call.parts.asker.ask(UnblockUser(user_id=call.user_id, blocked_id=_other(call)))
    return nothing()


def _other(call: UserCall) -> UserId:
    return UserId(identifier(call.request.path_params["user_id"], "user"))
