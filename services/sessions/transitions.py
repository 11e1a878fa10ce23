"""What becomes of requests and sessions: writes of an open transaction, and the events they cause.

Every function expects the users it concerns to be locked. `tell` comes last: it raises versions.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from services.sessions import session
from services.sessions.config import Settings
from services.sessions.record import Ending, Record, Side, requeue_until
from services.sessions.session import Happening, Limits
from services.sessions.store import chat_sessions, match_requests, states
from services.sessions.store.database import Transaction
from services.sessions.store.states import States
from shared.domain import RequestEndReason, RequestStatus, Ticket, UserState
from shared.events import (
    RequestEnded,
    SessionEnded,
    SessionParticipant,
    StateChanged,
    TicketClosed,
    TicketOpened,
)
from shared.identifiers import RequestId, SessionId, UserId, new_id

ENDED_AS = {
    RequestEndReason.USER: RequestStatus.CANCELLED,
    RequestEndReason.OFFLINE: RequestStatus.CANCELLED,
    RequestEndReason.ERASED: RequestStatus.CANCELLED,
    RequestEndReason.TIMEOUT: RequestStatus.EXPIRED,
}


async def open_tickets(
    transaction: Transaction, request_ids: Collection[RequestId], settings: Settings
) -> None:
    """Offer the present tickets of these pending requests to the pool."""
    if not request_ids:
        return
    tickets = await match_requests.tickets(
        transaction.connection, request_ids, settings.ticket_avoid_max
    )
    offer(transaction, tickets.values())


def offer(transaction: Transaction, tickets: Iterable[Ticket]) -> None:
    transaction.events.extend(
        TicketOpened(correlation_id=ticket.request_id, ticket=ticket) for ticket in tickets
    )


async def reopen(
    transaction: Transaction, request_ids: Collection[RequestId], settings: Settings
) -> None:
    """Outdate the tickets of these pending requests and offer their next attempts."""
    if request_ids:
        await match_requests.next_attempt(transaction, request_ids)
        await open_tickets(transaction, request_ids, settings)


async def end_requests(
    transaction: Transaction, request_ids: Collection[RequestId], reason: RequestEndReason
) -> list[UserId]:
    """End those still pending, other than by a match; whose they were."""
    if not request_ids:
        return []
    status, now = ENDED_AS[reason], transaction.now
    ended = await match_requests.end(transaction, request_ids, status, reason)
    for request in ended:
        request_id = request.request_id
        transaction.events += (
            TicketClosed(
                correlation_id=request_id, request_id=request_id, expires_at=request.expires_at
            ),
            request_ended(request_id, request.user_id, request.since, now, status, reason),
        )
    return [request.user_id for request in ended]


def request_ended(
    request_id: RequestId,
    user_id: UserId,
    since: datetime,
    at: datetime,
    status: RequestStatus,
    reason: RequestEndReason,
    session_id: SessionId | None = None,
) -> RequestEnded:
    return RequestEnded(
        correlation_id=request_id,
        request_id=request_id,
        user_id=user_id,
        status=status,
        reason=reason,
        waited_s=max(0.0, (at - since).total_seconds()),
        at=at,
        session_id=session_id,
    )


async def happen(
    transaction: Transaction,
    records: Iterable[Record],
    happening: Happening,
    settings: Settings,
) -> list[tuple[UserId, UserId]]:
    """Apply what happened to these live sessions; the pairs whose session changed."""
    limits = Limits(
        connect_timeout_s=settings.session_connect_timeout_s,
        turn_s=settings.session_turn_s,
        maximum_s=settings.session_maximum_s,
    )
    changed = []
    for before in records:
        after = session.transition(before, happening, transaction.now, limits)
        if after is not before:
            await _become(transaction, after, settings)
            changed.append(after.user_ids)
    return changed


async def _become(transaction: Transaction, after: Record, settings: Settings) -> None:
    completed = after.completed(settings.session_minimum_s)
    await chat_sessions.save(transaction, after, completed)
    if after.ending is None:
        return
    transaction.events.append(_session_ended(after, after.ending, completed))
    await _requeue(transaction, after, after.ending, settings)


def _session_ended(record: Record, ending: Ending, completed: bool) -> SessionEnded:
    first, second = record.sides
    return SessionEnded(
        correlation_id=first.request_id,
        session_id=record.session_id,
        participants=(_participant(first), _participant(second)),
        reason=ending.reason,
        duration_s=record.duration_s,
        completed_minimum=completed,
        at=ending.at,
    )


async def _requeue(
    transaction: Transaction, record: Record, ending: Ending, settings: Settings
) -> None:
    """The requests of those who did nothing wrong go on, each without this partner."""
    first, second = record.user_ids
    requeued = []
    for side in ending.requeued:
        request_id = RequestId(new_id())
        await match_requests.requeue(
            transaction,
            side.request_id,
            new_id=request_id,
            partner_id=second if side.user_id == first else first,
            expires_at=requeue_until(ending.at, side.left_s),
            repeat_after_s=settings.repeat_first_s,
        )
        requeued.append(request_id)
    await open_tickets(transaction, requeued, settings)


def _participant(side: Side) -> SessionParticipant:
    return SessionParticipant(
        user_id=side.user_id,
        request_id=side.request_id,
        practises=side.practises,
        practised_s=side.practised_s,
    )


async def tell(
    transaction: Transaction, groups: Sequence[Sequence[UserId]], correlation_id: str | None = None
) -> States:
    """Raise the versions of these users and tell their states, those of a group in one event."""
    everybody = {user_id for group in groups for user_id in group}
    present = await states.advance(transaction, everybody)
    transaction.events.extend(
        state_changed([present[user_id] for user_id in group], correlation_id) for group in groups
    )
    return present


def state_changed(told: Sequence[UserState], correlation_id: str | None = None) -> StateChanged:
    """These states, under the request that began what the first one shows."""
    return StateChanged(correlation_id=correlation_id or _origin(told[0]), states=tuple(told))


def _origin(state: UserState) -> str:
    """The request that began what the state shows; the user when there never was one."""
    request = state.request or state.session or state.last_request
    return request.request_id if request else state.user.id
