"""Cancelling a request, and what became of one."""

from services.sessions import transitions
from services.sessions.outbox import Outbox
from services.sessions.requests.refusals import unknown_request, unknown_user
from services.sessions.store import match_requests, states
from services.sessions.store.database import Database, Transaction
from shared.domain import RequestEndReason, RequestRecord, UserState
from shared.errors import Refused
from shared.identifiers import is_id
from shared.requests import CancelRequest, GetRequest


async def cancel_request(outbox: Outbox, asked: CancelRequest) -> UserState:
    """End the pending request; the first of cancel and match to lock the user wins."""
    user_id = asked.user_id

    async def body(transaction: Transaction) -> UserState:
        state = (await states.read(transaction.connection, [user_id])).get(user_id)
        if state is None or state.erased:
            raise unknown_user()
        if state.request is None:
            raise _nothing_pending(state)
        request_id = state.request.request_id
        await transitions.end_requests(transaction, [request_id], RequestEndReason.USER)
        return (await transitions.tell(transaction, [[user_id]], request_id))[user_id]

    return await outbox.transact([user_id], body)


def _nothing_pending(state: UserState) -> Refused:
    if state.session is None:
        return Refused("no-request", "no request is pending")
    return Refused(
        "already-matched",
        "the request has become a session",
        {"session_id": state.session.session_id, "request_id": state.session.request_id},
    )


async def get_request(database: Database, asked: GetRequest) -> RequestRecord:
    if not is_id(asked.request_id):
        raise unknown_request()
    async with database.connection() as connection:
        found = await match_requests.records(connection, [asked.request_id], [asked.user_id])
    if asked.request_id not in found:
        raise unknown_request()
    return found[asked.request_id]
