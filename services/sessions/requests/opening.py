"""Opening requests, several users' at a time, in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from services.sessions import transitions
from services.sessions.config import Settings
from services.sessions.requests.refusals import (
    idempotency_mismatch,
    relay_unavailable,
    unknown_user,
)
from services.sessions.store import idempotency_keys, match_requests, states
from services.sessions.store.database import Transaction
from services.sessions.store.idempotency_keys import Effect
from services.sessions.store.match_requests import NewRequest
from services.sessions.store.states import States
from shared import languages
from shared.domain import RequestEndReason, RequestRecord, RequestStatus, UserState
from shared.errors import Refused
from shared.identifiers import RequestId, UserId, new_id
from shared.requests import OpenRequest, RequestOpened

TIMEOUT_MIN_S = 1.0

Outcome = RequestOpened | Refused


async def open_requests(
    transaction: Transaction, asked: Mapping[UserId, OpenRequest], settings: Settings
) -> dict[UserId, Outcome]:
    """Open what may be opened, of all these locked users. A refusal of one does not hurt others.

    A key that was seen before opens nothing: it is answered with what it opened, as that stands.
    """
    present = await states.read(transaction.connection, asked)
    present |= await _expire(transaction, present.values())
    kept = await idempotency_keys.find(transaction, _keys(asked.values()))
    outcomes: dict[UserId, Outcome] = await _replay(transaction, asked, kept, present)
    opened: list[NewRequest] = []
    for user_id, each in asked.items():
        if user_id in outcomes:
            continue
        try:
            opened.append(_new_request(transaction, each, present.get(user_id), settings))
        except Refused as refusal:
            outcomes[user_id] = refusal
    return outcomes | await _insert(transaction, opened, asked, settings)


async def _expire(transaction: Transaction, present: Collection[UserState]) -> States:
    """End what is over its time and not swept yet; the states of these users."""
    overdue = [
        state.request.request_id
        for state in present
        if state.request and state.request.expires_at <= transaction.now
    ]
    users = await transitions.end_requests(transaction, overdue, RequestEndReason.TIMEOUT)
    return await transitions.tell(transaction, [[user_id] for user_id in users])


def _keys(asked: Collection[OpenRequest]) -> list[Effect]:
    """What each key is about to do."""
    return [
        Effect(each.user_id, each.idempotency, "") for each in asked if each.idempotency is not None
    ]


async def _replay(
    transaction: Transaction,
    asked: Mapping[UserId, OpenRequest],
    kept: Mapping[UserId, Effect],
    present: States,
) -> dict[UserId, Outcome]:
    """Answers to keys that were seen before."""
    if not kept:
        return {}
    effects = [RequestId(effect.effect_id) for effect in kept.values()]
    records = await match_requests.records(transaction.connection, effects, kept)
    outcomes: dict[UserId, Outcome] = {}
    for user_id, effect in kept.items():
        if effect.idempotency == asked[user_id].idempotency:
            outcomes[user_id] = RequestOpened(
                request=records[RequestId(effect.effect_id)], state=present[user_id], replayed=True
            )
        else:
            outcomes[user_id] = idempotency_mismatch()
    return outcomes


def _new_request(
    transaction: Transaction,
    asked: OpenRequest,
    state: UserState | None,
    settings: Settings,
) -> NewRequest:
    """What to insert. Raises `Refused` for what stands in the way."""
    if state is None or state.erased:
        raise unknown_user()
    if state.request is not None:
        about = {"request_id": state.request.request_id}
        raise Refused("request-pending", "a request is pending already", about)
    if state.session is not None:
        raise Refused("session-live", "a session is live", {"session_id": state.session.session_id})
    if state.user.relay_only and not asked.can_relay:
        raise relay_unavailable()
    natives = asked.native_languages or state.user.native_languages
    practices = asked.practice_languages or state.user.practice_languages
    if asked.native_languages or asked.practice_languages:
        languages.check(natives, practices)
    timeout_s = min(max(asked.timeout_s, TIMEOUT_MIN_S), settings.request_timeout_max_s)
    return NewRequest(
        id=RequestId(new_id()),
        user_id=asked.user_id,
        native_languages=natives,
        practice_languages=practices,
        expires_at=transaction.now + timedelta(seconds=timeout_s),
    )


async def _insert(
    transaction: Transaction,
    opened: Sequence[NewRequest],
    asked: Mapping[UserId, OpenRequest],
    settings: Settings,
) -> dict[UserId, Outcome]:
    if not opened:
        return {}
    tickets = await match_requests.insert(
        transaction, opened, settings.ticket_avoid_max, settings.repeat_first_s
    )
    transitions.offer(transaction, tickets)
    effects = [
        Effect(request.user_id, idempotency, request.id)
        for request in opened
        if (idempotency := asked[request.user_id].idempotency) is not None
    ]
    until = transaction.now + timedelta(seconds=settings.idempotency_retention_s)
    await idempotency_keys.keep(transaction, effects, until)
    present = await states.advance(transaction, [request.user_id for request in opened])
    return {
        request.user_id: RequestOpened(
            request=_record(transaction, request), state=present[request.user_id]
        )
        for request in opened
    }


def _record(transaction: Transaction, request: NewRequest) -> RequestRecord:
    return RequestRecord(
        request_id=request.id,
        status=RequestStatus.PENDING,
        since=transaction.now,
        expires_at=request.expires_at,
        native_languages=request.native_languages,
        practice_languages=request.practice_languages,
    )
