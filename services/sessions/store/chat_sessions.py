"""The tables `chat_sessions` and `participants`: accepted pairs and their two sides."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from services.sessions.record import Record
from services.sessions.store.database import Connection, Transaction, structs
from services.sessions.store.failures import Overtaken
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
SIDE = """
SELECT p.user_id, p.request_id, p.practises, p.connection_id, p.connected, p.practised_s,
       extract(epoch FROM r.expires_at - r.ended_at)::float AS left_s
"""
TALK = """
SELECT c.active_at, c.ends_at, c.turn_number AS turn, c.turn_since, c.turn_until
WHERE c.active_at IS NOT NULL
"""
RECORDS = f"""
SELECT row_to_json(record) FROM (
    SELECT c.id AS session_id, c.status, c.created_at, c.join_by, c.starts, c.generation,
           c.connect_by, (SELECT row_to_json(x) FROM ({TALK}) AS x) AS talk,
           (SELECT json_agg(row_to_json(x) ORDER BY p.side)
            FROM participants AS p JOIN match_requests AS r ON r.id = p.request_id,
                 LATERAL ({SIDE}) AS x
            WHERE p.session_id = c.id) AS sides
    FROM chat_sessions AS c WHERE %s
) AS record
"""
LIVE_OF = (
    RECORDS
    % """
c.id IN (SELECT session_id FROM participants WHERE live AND user_id = ANY($1::uuid[]))
"""
)
LIVE = RECORDS % "c.live AND c.id = ANY($1::uuid[])"
DEADLINES = {"waiting": "join_by", "connecting": "connect_by", "active": "turn_until"}
"""Of each status, the one column that counts; no turn lasts longer than the talk may."""
LATE = (
    RECORDS
    % f"""
c.id IN ({
        " UNION ALL ".join(
            f"(SELECT id FROM chat_sessions WHERE status = '{status}' "
            f"AND {deadline} <= statement_timestamp() ORDER BY {deadline} LIMIT $1)"
            for status, deadline in DEADLINES.items()
        )
    })
LIMIT $1
"""
)
NEXT_DEADLINE = f"""
SELECT extract(epoch FROM least({
    ", ".join(
        f"(SELECT min({deadline}) FROM chat_sessions WHERE status = '{status}')"
        for status, deadline in DEADLINES.items()
    )
}) - statement_timestamp())::float
"""
SAVE = """
UPDATE chat_sessions
SET status = $2, generation = $3, connect_by = $4,
    active_at = $5, ends_at = $6, turn_number = $7, turn_since = $8, turn_until = $9,
    reason = $10, ended_at = $11, completed_minimum = $12,
    repeat_at = CASE WHEN $2 <> 'ended' THEN repeat_at END
WHERE id = $1 AND status <> 'ended'
"""
SAVE_SIDES = """
UPDATE participants AS p
SET connection_id = x.connection_id, connected = x.connected, practised_s = x.practised_s,
    ended_it = x.ended_it
FROM unnest($2::uuid[], $3::uuid[], $4::boolean[], $5::integer[], $6::boolean[])
    AS x (user_id, connection_id, connected, practised_s, ended_it)
WHERE p.session_id = $1 AND p.user_id = x.user_id
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


async def next_deadline_s(connection: Connection) -> float | None:
    """Seconds until the next deadline of a session, negative when it is late; None if none is."""
    seconds: float | None = await connection.fetchval(NEXT_DEADLINE)
    return seconds


async def save(transaction: Transaction, record: Record, completed_minimum: bool) -> None:
    """What a live session has become; when it ended, its sides are free at once."""
    talk, ending = record.talk, record.ending
    await transaction.connection.execute(
        SAVE,
        record.session_id,
        record.status,
        record.generation,
        record.connect_by,
        talk and talk.active_at,
        talk and talk.ends_at,
        talk and talk.turn,
        talk and talk.turn_since,
        talk and talk.turn_until,
        ending and ending.reason,
        ending and ending.at,
        completed_minimum,
    )
    await _save_sides(transaction, record)


async def _save_sides(transaction: Transaction, record: Record) -> None:
    by = record.ending.by if record.ending else ()
    await transaction.connection.execute(
        SAVE_SIDES,
        record.session_id,
        [side.user_id for side in record.sides],
        [side.connection_id for side in record.sides],
        [side.connected for side in record.sides],
        [side.practised_s for side in record.sides],
        [side.user_id in by for side in record.sides],
    )
