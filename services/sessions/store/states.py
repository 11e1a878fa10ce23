"""States: what a user has open and how the last of each ended, in one snapshot with the version.

The queries build JSON in the very shape of `shared.domain.UserState`, so that reading is decoding.
"""

from collections.abc import Collection

import msgspec

from services.sessions.store.database import Connection, Transaction, structs
from shared.domain import UserState
from shared.identifiers import UserId

PROFILE = """
SELECT u.id, u.display_name, u.native_languages, u.practice_languages, u.interests,
       u.relay_only, u.created_at
"""
PARTNER = """
SELECT p.id, p.display_name, p.native_languages, p.practice_languages,
       ARRAY(SELECT i FROM unnest(u.interests) AS i WHERE i = ANY(p.interests)) AS shared_interests
"""
PENDING_REQUEST = """
SELECT r.id AS request_id, r.since, r.expires_at, r.native_languages, r.practice_languages,
       r.requeued_from
FROM match_requests AS r WHERE r.user_id = u.id AND r.ended_at IS NULL
"""
TURN = """
SELECT c.turn_number AS number, speaker.practises AS language,
       c.turn_since AS since, c.turn_until AS until,
       (SELECT level FROM match_requests AS r,
               jsonb_to_recordset(r.practice_languages) AS x (language text, level text)
        WHERE r.id = speaker.request_id AND x.language = speaker.practises LIMIT 1) AS level
FROM participants AS speaker
WHERE speaker.session_id = c.id AND speaker.side = (c.starts + c.turn_number) % 2
"""  # no row before the first turn: its number is null
LIVE_SESSION = f"""
SELECT c.id AS session_id, me.request_id, c.status,
       (SELECT row_to_json(x) FROM ({PARTNER}) AS x) AS partner,
       me.practises AS you_practise, them.practises AS partner_practises,
       me.side = 1 AS polite, c.join_by, c.generation,
       me.connection_id IS NOT NULL AS joined, them.connection_id IS NOT NULL AS partner_joined,
       u.relay_only OR p.relay_only AS relay_only,
       c.connect_by, c.active_at, c.ends_at, (SELECT row_to_json(x) FROM ({TURN}) AS x) AS turn
FROM participants AS me
JOIN chat_sessions AS c ON c.id = me.session_id
JOIN participants AS them ON them.session_id = me.session_id AND them.side <> me.side
JOIN users AS p ON p.id = them.user_id
WHERE me.user_id = u.id AND me.live
"""
LAST_REQUEST = """
SELECT r.id AS request_id, r.status, r.reason, r.ended_at, r.session_id
FROM match_requests AS r WHERE r.user_id = u.id AND r.status <> 'pending'
ORDER BY r.created_at DESC LIMIT 1
"""
LAST_SESSION = """
SELECT c.id AS session_id, me.request_id, c.reason, c.ended_at,
       coalesce(floor(extract(epoch FROM c.ended_at - c.active_at))::integer, 0) AS duration_s,
       c.completed_minimum, me.ended_it AS by_you,
       me.practised_s, them.practised_s AS partner_practised_s,
       (SELECT next.id FROM match_requests AS next
        WHERE next.requeued_from = c.id AND next.user_id = u.id) AS requeued_as
FROM participants AS me
JOIN chat_sessions AS c ON c.id = me.session_id
JOIN participants AS them ON them.session_id = me.session_id AND them.side <> me.side
WHERE me.user_id = u.id AND NOT me.live
ORDER BY me.created_at DESC, me.session_id DESC LIMIT 1
"""
STATES = f"""
SELECT row_to_json(state) FROM (
    SELECT u.version,
           (SELECT row_to_json(x) FROM ({PROFILE}) AS x) AS user,
           (SELECT row_to_json(x) FROM ({PENDING_REQUEST}) AS x) AS request,
           (SELECT row_to_json(x) FROM ({LIVE_SESSION}) AS x) AS session,
           (SELECT row_to_json(x) FROM ({LAST_REQUEST}) AS x) AS last_request,
           (SELECT row_to_json(x) FROM ({LAST_SESSION}) AS x) AS last_session,
           u.erased_at IS NOT NULL AS erased
    FROM u
) AS state
"""
READ = f"WITH u AS (SELECT * FROM users WHERE id = ANY($1::uuid[])) {STATES}"
ADVANCE = f"""
WITH u AS (UPDATE users SET version = version + 1 WHERE id = ANY($1::uuid[]) RETURNING *)
{STATES}
"""

_decoder = msgspec.json.Decoder(UserState)

States = dict[UserId, UserState]


async def read(connection: Connection, user_ids: Collection[UserId]) -> States:
    """The present states of those of the users who ever registered."""
    states = await structs(connection, _decoder, READ, list(user_ids))
    return {state.user.id: state for state in states}


async def advance(transaction: Transaction, user_ids: Collection[UserId]) -> States:
    """Raise the versions by one and read the states; call it after the transaction's writes."""
    assert transaction.locked.issuperset(user_ids), "a version is raised under the user's lock"
    if not user_ids:
        return {}
    states = await structs(transaction.connection, _decoder, ADVANCE, list(user_ids))
    return {state.user.id: state for state in states}


async def versions(connection: Connection, user_ids: Collection[UserId]) -> dict[UserId, int]:
    rows = await connection.fetch(
        "SELECT id, version FROM users WHERE id = ANY($1::uuid[])", list(user_ids)
    )
    return {row["id"]: row["version"] for row in rows}
