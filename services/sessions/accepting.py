"""`match.found`: a claimed pair is accepted as a session, or voided."""

from collections.abc import Mapping
from datetime import timedelta

import structlog

from services.sessions import transitions
from services.sessions.config import Settings
from services.sessions.metrics import Verdict
from services.sessions.store import chat_sessions, matches
from services.sessions.store.database import Transaction
from shared.domain import MatchSide, RequestEndReason, RequestStatus, Ticket
from shared.events import MatchFound, SessionCreated, SessionParticipant
from shared.identifiers import RequestId, UserId

log = structlog.get_logger()


async def accept_or_void(
    transaction: Transaction, match: MatchFound, settings: Settings
) -> Verdict:
    """Accept the match if both sides are good; else each good side gets its next attempt.

    Good: its request is pending at that attempt and its user is in no live session. A match told
    again changes nothing: it is known, or the attempts have moved on.
    """
    users = [side.user_id for side in match.sides]
    request_ids = [side.request_id for side in match.sides]
    standing = await matches.standing(transaction, match.match_id, request_ids, users)
    if standing.known:
        return Verdict.KNOWN
    tickets = {ticket.request_id: ticket for ticket in standing.tickets}
    good = [
        tickets[side.request_id]
        for side in match.sides
        if _is_good(side, tickets.get(side.request_id), standing.engaged)
    ]
    if len(good) == 2 and _may_meet(*good):
        await _accept(transaction, match, good, settings)
        return Verdict.ACCEPTED
    cause = _cause(match, tickets, standing.engaged)
    log.info("match.voided", match_id=match.match_id, good=len(good), cause=cause)
    await transitions.reopen(transaction, [ticket.request_id for ticket in good], settings)
    return cause


def _cause(
    match: MatchFound, tickets: Mapping[RequestId, Ticket], engaged: frozenset[UserId]
) -> Verdict:
    """Why the match is voided: the first that applies to either side."""
    sides = [(side, tickets.get(side.request_id)) for side in match.sides]
    if any(side.user_id in engaged for side, _ in sides):
        return Verdict.ENGAGED
    if any(ticket is None for _, ticket in sides):
        return Verdict.GONE
    if any(not _is_good(side, ticket, engaged) for side, ticket in sides):
        return Verdict.OUTDATED
    return Verdict.UNWELCOME


def _is_good(side: MatchSide, ticket: Ticket | None, engaged: frozenset[UserId]) -> bool:
    if ticket is None or side.user_id in engaged:
        return False
    return (ticket.user_id, ticket.attempt) == (side.user_id, side.attempt)


def _may_meet(one: Ticket, other: Ticket) -> bool:
    """Neither blocked the other, and they have not met in this line before."""
    return other.user_id not in one.avoid and one.user_id not in other.avoid


async def _accept(
    transaction: Transaction, match: MatchFound, tickets: list[Ticket], settings: Settings
) -> None:
    now = transaction.now
    join_by = now + timedelta(seconds=settings.session_join_timeout_s)
    await chat_sessions.create(transaction, match, join_by, settings.repeat_first_s)
    for ticket in tickets:
        transaction.events.append(
            transitions.request_ended(
                ticket.request_id,
                ticket.user_id,
                ticket.since,
                now,
                RequestStatus.MATCHED,
                RequestEndReason.MATCHED,
                match.match_id,
            )
        )
    first, second = map(_participant, match.sides)
    transaction.events.append(
        SessionCreated(
            correlation_id=match.correlation_id,
            session_id=match.match_id,
            participants=(first, second),
            score=match.score,
            at=now,
        )
    )
    pair = [side.user_id for side in match.sides]
    await transitions.tell(transaction, [pair], match.correlation_id)


def _participant(side: MatchSide) -> SessionParticipant:
    return SessionParticipant(
        user_id=side.user_id, request_id=side.request_id, practises=side.practises
    )
