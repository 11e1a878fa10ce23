"""The tables `chat_sessions` and `participants`: accepted pairs and their two sides."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from services.sessions.session import Record
from services.sessions.store.database import Connection, Transaction, structs
from services.sessions.store.failures import Overtaken
from shared.domain import SessionEndReason
from shared.events import MatchFound
from shared.identifiers import SessionId, UserId

CREATE = """
WITH session AS (
    INSERT INTO chat_sessions (id, status, score, created_at, join_by, repeat_at)
    VALUES ($1, 'waiting', $2, $3, $4, $3::timestamptz + $8::float * interval '1 s')
), sides AS (
    INSERT INTO participants (session_id, user_id, request_id, side, practises, created_at)
    SELECT $1, user_id, request_id, side - 1, practises, $3
    FROM unnest($5::uuid[], $6::uuid[], $7::text[]) WITH ORDINALITY
        AS x (user_id, request_id, practises, side)
)
UPDATE match_requests
SET status = 'matched', reason = 'matched', ended_at = $3, session_id = $1, repeat_at = NULL
WHERE id = ANY($6::uuid[]) AND status = 'pending'
"""
ENGAGED = """
SELECT EXISTS (SELECT FROM chat_sessions WHERE id = $1) AS known,
       ARRAY(SELECT user_id FROM participants WHERE live AND user_id = ANY($2::uuid[])) AS engaged
"""
SIDE = """
SELECT p.user_id, p.request_id, p.practises,
       extract(epoch FROM r.expires_at - r.ended_at)::float AS left_s
"""
RECORDS = f"""
SELECT row_to_json(record) FROM (
    SELECT c.id AS session_id, c.status, c.created_at, c.join_by, c.active_at,
           (SELECT json_agg(row_to_json(x) ORDER BY p.side)
            FROM participants AS p JOIN match_requests AS r ON r.id = p.request_id,
                 LATERAL ({SIDE}) AS x
            WHERE p.session_id = c.id) AS sides
    FROM chat_sessions AS c WHERE c.live AND %s
) AS record
"""
LIVE_OF = (
    RECORDS
    % """
c.id IN (SELECT session_id FROM participants WHERE live AND user_id = ANY($1::uuid[]))
"""
)
LIVE = RECORDS % "c.id = ANY($1::uuid[])"
LATE = RECORDS % "c.status = 'waiting' AND c.join_by <= statement_timestamp()" + " LIMIT $1"
END = """
UPDATE chat_sessions SET status = 'ended', reason = $2, ended_at = $3, repeat_at = NULL,
                         completed_minimum = $4
WHERE id = $1 AND status <> 'ended'
"""

_records = msgspec.json.Decoder(Record)


async def create(
    transaction: Transaction, match: MatchFound, join_by: datetime, repeat_after_s: float
) -> None:
    """The session of a match, its two sides, and both requests matched: one statement."""
    await transaction.connection.execute(
        CREATE,
        match.match_id,
        match.score,
        transaction.now,
        join_by,
        [side.user_id for side in match.sides],
        [side.request_id for side in match.sides],
        [side.practises for side in match.sides],
        repeat_after_s,
    )


async def engaged(
    transaction: Transaction, session_id: SessionId, user_ids: Collection[UserId]
) -> tuple[bool, frozenset[UserId]]:
    """Whether this session is known, and who of the users is in a live one."""
    row = await transaction.connection.fetchrow(ENGAGED, session_id, list(user_ids))
    assert row is not None, "the query always has one row"
    return row["known"], frozenset(row["engaged"])


async def live_of(transaction: Transaction, user_ids: Collection[UserId]) -> Sequence[Record]:
    """The live sessions of these users. Raises `Overtaken` if a side of one is not locked."""
    records = await structs(transaction.connection, _records, LIVE_OF, list(user_ids))
    if any(not transaction.locked.issuperset(record.user_ids) for record in records):
        raise Overtaken
    return records


async def live(transaction: Transaction, session_ids: Collection[SessionId]) -> Sequence[Record]:
    """Those of the sessions that are live and whose two sides are locked."""
    records = await structs(transaction.connection, _records, LIVE, list(session_ids))
    return [record for record in records if transaction.locked.issuperset(record.user_ids)]


async def pairs(
    connection: Connection, session_ids: Collection[SessionId]
) -> Sequence[tuple[UserId, ...]]:
    """The two sides of each live session of these, read without locks."""
    records = await structs(connection, _records, LIVE, list(session_ids))
    return [record.user_ids for record in records]


async def late(connection: Connection, limit: int) -> Sequence[Record]:
    """Live sessions past a deadline, read without locks."""
    return await structs(connection, _records, LATE, limit)


async def end(
    transaction: Transaction,
    session_id: SessionId,
    reason: SessionEndReason,
    completed_minimum: bool,
) -> None:
    """End a live session; its sides are free at once."""
    await transaction.connection.execute(
        END, session_id, reason, transaction.now, completed_minimum
    )
