"""The table `match_requests`: wishes to be matched, and the tickets they put in the pool.

That a request is pending is said in the words of the index that is to be used: see
`migrations/0020_plans_for_requests.sql`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from services.sessions.store.database import Connection, Transaction, structs
from shared.domain import (
    Practice,
    RequestEndReason,
    RequestRecord,
    RequestStatus,
    Ticket,
)
from shared.identifiers import RequestId, UserId

TICKETS_OF_R = """
SELECT row_to_json(ticket) FROM (
    SELECT r.id AS request_id, r.attempt, r.user_id, r.native_languages, r.practice_languages,
           u.interests, r.since, r.expires_at,
           ARRAY(SELECT avoided FROM (
                     SELECT avoided, 0 AS rank, place FROM unnest(r.avoid)
                         WITH ORDINALITY AS line (avoided, place)
                     UNION ALL SELECT blocked_id, 1, extract(epoch FROM created_at)
                     FROM blocks WHERE user_id = r.user_id
                     UNION ALL SELECT user_id, 2, extract(epoch FROM created_at)
                     FROM blocks WHERE blocked_id = r.user_id
                 ) AS each GROUP BY avoided
                 ORDER BY min(rank), max(place) DESC LIMIT $2) AS avoid
    FROM r JOIN users AS u ON u.id = r.user_id
) AS ticket
"""
PENDING_R = """
r AS (SELECT * FROM match_requests WHERE id = ANY($1::uuid[]) AND status = 'pending')
"""
TICKETS = f"WITH {PENDING_R} {TICKETS_OF_R}"
INSERT = f"""
WITH r AS (
    INSERT INTO match_requests (id, user_id, line, native_languages, practice_languages,
                                since, created_at, expires_at, repeat_at)
    SELECT x.id, x.user_id, x.id, x.native_languages, x.practice_languages,
           $3, $3, x.expires_at, $3::timestamptz + $4::float * interval '1 s'
    FROM jsonb_to_recordset($1::jsonb)
        AS x (id uuid, user_id uuid, native_languages text[], practice_languages jsonb,
              expires_at timestamptz)
    RETURNING *
)
{TICKETS_OF_R}
"""
REQUEUE = """
INSERT INTO match_requests (id, user_id, line, native_languages, practice_languages, avoid,
                            since, created_at, expires_at, requeued_from, repeat_at)
SELECT $2, user_id, line, native_languages, practice_languages, avoid || $3::uuid,
       since, $4, $5, session_id, $4::timestamptz + $6::float * interval '1 s'
FROM match_requests WHERE id = $1 AND status = 'matched'
"""
END = """
UPDATE match_requests SET status = $2, reason = $3, ended_at = $4, repeat_at = NULL
WHERE id = ANY($1::uuid[]) AND status = 'pending'
RETURNING id, user_id, since, expires_at
"""
NEXT_ATTEMPT = """
UPDATE match_requests SET attempt = attempt + 1
WHERE id = ANY($1::uuid[]) AND status = 'pending'
"""
RECORDS = """
SELECT row_to_json(record) FROM (
    SELECT id AS request_id, status, since, expires_at, native_languages, practice_languages,
           reason, ended_at, session_id
    FROM match_requests WHERE id = ANY($1::uuid[]) AND user_id = ANY($2::uuid[])
) AS record
"""
PENDING_OF = """
SELECT id FROM match_requests WHERE user_id = ANY($1::uuid[]) AND ended_at IS NULL
"""
PENDING_OVERDUE_OF = f"{PENDING_OF} AND expires_at <= $2"
OVERDUE = """
SELECT user_id FROM match_requests WHERE reason IS NULL AND expires_at <= statement_timestamp()
ORDER BY expires_at LIMIT $1
"""
NEXT_DEADLINE = """
SELECT extract(epoch FROM min(expires_at) - statement_timestamp())::float
FROM match_requests WHERE reason IS NULL
"""

_tickets = msgspec.json.Decoder(Ticket)
_records = msgspec.json.Decoder(RequestRecord)


class NewRequest(Struct, frozen=True, kw_only=True):
    """A request about to be opened."""

    id: RequestId
    user_id: UserId
    native_languages: tuple[str, ...]
    practice_languages: tuple[Practice, ...]
    expires_at: datetime


class Ended(Struct, frozen=True, kw_only=True):
    """A request that has just left `pending`."""

    request_id: RequestId
    user_id: UserId
    since: datetime
    expires_at: datetime


async def insert(
    transaction: Transaction,
    requests: Sequence[NewRequest],
    avoid_max: int,
    repeat_after_s: float,
) -> Sequence[Ticket]:
    """Open these; each begins a line of its own. Their tickets, made in the same statement."""
    rows = msgspec.json.encode(requests).decode()
    connection, now = transaction.connection, transaction.now
    return await structs(connection, _tickets, INSERT, rows, avoid_max, now, repeat_after_s)


async def requeue(
    transaction: Transaction,
    matched_id: RequestId,
    *,
    new_id: RequestId,
    partner_id: UserId,
    expires_at: datetime,
    repeat_after_s: float,
) -> None:
    """Open the request that follows a matched one: same line, same since, one more to avoid."""
    now = transaction.now
    await transaction.connection.execute(
        REQUEUE, matched_id, new_id, partner_id, now, expires_at, repeat_after_s
    )


async def end(
    transaction: Transaction,
    request_ids: Collection[RequestId],
    status: RequestStatus,
    reason: RequestEndReason,
) -> Sequence[Ended]:
    """End those that are pending, other than by a match; the rest have ended before."""
    rows = await transaction.connection.fetch(
        END, list(request_ids), status, reason, transaction.now
    )
    return [
        Ended(
            request_id=row["id"],
            user_id=row["user_id"],
            since=row["since"],
            expires_at=row["expires_at"],
        )
        for row in rows
    ]


async def next_attempt(transaction: Transaction, request_ids: Collection[RequestId]) -> None:
    """Outdate the tickets of these in the pool."""
    await transaction.connection.execute(NEXT_ATTEMPT, list(request_ids))


async def tickets(
    connection: Connection, request_ids: Collection[RequestId], avoid_max: int
) -> dict[RequestId, Ticket]:
    """The present tickets of those that are pending.

    Each avoids, first to last: the partners of its line, whom the user blocked, who blocked the
    user; the newest of each first, `avoid_max` at most.
    """
    rows = await structs(connection, _tickets, TICKETS, list(request_ids), avoid_max)
    return {ticket.request_id: ticket for ticket in rows}


async def records(
    connection: Connection, request_ids: Collection[RequestId], user_ids: Collection[UserId]
) -> dict[RequestId, RequestRecord]:
    """Those of the requests that are these users' own."""
    rows = await structs(connection, _records, RECORDS, list(request_ids), list(user_ids))
    return {record.request_id: record for record in rows}


async def pending_of(transaction: Transaction, user_ids: Collection[UserId]) -> list[RequestId]:
    rows = await transaction.connection.fetch(PENDING_OF, list(user_ids))
    return [row["id"] for row in rows]


async def overdue_of(transaction: Transaction, user_ids: Collection[UserId]) -> list[RequestId]:
    """The pending requests of these users whose time is up."""
    rows = await transaction.connection.fetch(PENDING_OVERDUE_OF, list(user_ids), transaction.now)
    return [row["id"] for row in rows]


async def overdue_users(connection: Connection, limit: int) -> list[UserId]:
    """Whose pending request is over its time, longest first; read without locks."""
    return [row["user_id"] for row in await connection.fetch(OVERDUE, limit)]


async def next_deadline_s(connection: Connection) -> float | None:
    """Seconds until the next request expires, negative when it is late; None when none pends."""
    seconds: float | None = await connection.fetchval(NEXT_DEADLINE)
    return seconds
