"""A user's past: chat sessions as that user saw them."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from services.sessions.store.database import Connection, structs
from services.sessions.store.states import PARTNER
from shared.domain import SessionRecord
from shared.identifiers import RequestId, SessionId, UserId

SESSIONS = f"""
SELECT row_to_json(record) FROM (
    SELECT c.id AS session_id, c.status,
           (SELECT row_to_json(x) FROM ({PARTNER}) AS x) AS partner,
           me.practises AS you_practise, them.practises AS partner_practises,
           me.practised_s, them.practised_s AS partner_practised_s, me.ended_it AS by_you,
           c.created_at, c.active_at, c.ended_at, c.reason, c.completed_minimum,
           (SELECT f.rating FROM feedback AS f
            WHERE f.session_id = me.session_id AND f.user_id = me.user_id) AS rating,
           CASE WHEN c.live THEN NULL
                ELSE coalesce(floor(extract(epoch FROM c.ended_at - c.active_at))::integer, 0)
           END AS duration_s
    FROM participants AS me
    JOIN users AS u ON u.id = me.user_id
    JOIN chat_sessions AS c ON c.id = me.session_id
    JOIN participants AS them ON them.session_id = me.session_id AND them.side <> me.side
    JOIN users AS p ON p.id = them.user_id
    WHERE me.user_id = $1 AND %s
) AS record
"""
PAGE = (
    SESSIONS
    % """
($2::uuid IS NULL OR (me.created_at, me.session_id) <
    (SELECT created_at, session_id FROM participants WHERE session_id = $2 AND user_id = $1))
ORDER BY me.created_at DESC, me.session_id DESC LIMIT $3
"""
)
ONE = SESSIONS % "me.session_id = $2"
ENCOUNTER = """
SELECT me.request_id, them.user_id AS partner_id, c.live, c.active_at IS NOT NULL AS talked
FROM participants AS me
JOIN users AS u ON u.id = me.user_id AND u.erased_at IS NULL
JOIN chat_sessions AS c ON c.id = me.session_id
JOIN participants AS them ON them.session_id = me.session_id AND them.side <> me.side
WHERE me.user_id = $1 AND me.session_id = $2
"""

_decoder = msgspec.json.Decoder(SessionRecord)


class Encounter(Struct, frozen=True, kw_only=True):
    """What it takes to judge a session: with whom, whether it is over, whether the two talked."""

    request_id: RequestId
    partner_id: UserId
    live: bool
    talked: bool


async def page(
    connection: Connection, user_id: UserId, before: SessionId | None, limit: int
) -> Sequence[SessionRecord]:
    """At most `limit`, newest first, older than `before`; none when that is not the user's."""
    return await structs(connection, _decoder, PAGE, user_id, before, limit)


async def one(
    connection: Connection, user_id: UserId, session_id: SessionId
) -> SessionRecord | None:
    """None when it is not one of the user's own."""
    rows = await structs(connection, _decoder, ONE, user_id, session_id)
    return rows[0] if rows else None


async def encounter(
    connection: Connection, user_id: UserId, session_id: SessionId
) -> Encounter | None:
    """None when the user, or no longer a user, took no part in it."""
    row = await connection.fetchrow(ENCOUNTER, user_id, session_id)
    return None if row is None else Encounter(**dict(row))
