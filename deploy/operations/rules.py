"""What must hold of the rows: each rule is a query for what breaks it.

A query gives what is at fault (`subject`, an id) and says why (`says`).
"""

import asyncpg
from msgspec import Struct

from deploy.operations.violation import Violation


class Rule(Struct, frozen=True):
    """`is_about_time`: the query takes how many seconds something may be late."""

    name: str
    query: str
    is_about_time: bool = False


async def broken(
    postgres: "asyncpg.Connection[asyncpg.Record]", rule: Rule, late_s: float
) -> list[Violation]:
    rows = await postgres.fetch(rule.query, *([late_s] if rule.is_about_time else []))
    return [Violation(rule.name, str(row["subject"]), row["says"]) for row in rows]


RULES = (
    Rule(
        "one pending request a user",
        """SELECT user_id AS subject, 'has pending: '
                  || string_agg(id::text, ', ' ORDER BY id) AS says
           FROM match_requests WHERE status = 'pending'
           GROUP BY user_id HAVING count(*) > 1""",
    ),
    Rule(
        "one live session a user",
        """SELECT user_id AS subject,
                  'is live in: ' || string_agg(session_id::text, ', ' ORDER BY session_id) AS says
           FROM participants WHERE live GROUP BY user_id HAVING count(*) > 1""",
    ),
    Rule(
        "a request or a session, never both",
        """SELECT r.user_id AS subject,
                  'waits with ' || r.id || ' and is live in ' || p.session_id AS says
           FROM match_requests AS r JOIN participants AS p ON p.user_id = r.user_id
           WHERE r.status = 'pending' AND p.live""",
    ),
    Rule(
        "a request ends once, with time and reason",
        """SELECT id AS subject, 'is ' || status || ', ended at '
                  || coalesce(ended_at::text, 'never') || ', because of '
                  || coalesce(reason, 'nothing') AS says
           FROM match_requests
           WHERE ((status = 'pending') <> (ended_at IS NULL)
                             OR (status = 'pending') <> (reason IS NULL))""",
    ),
    Rule(
        "a session ends once, with time and reason",
        """SELECT id AS subject, 'is ' || status || ', ended at '
                  || coalesce(ended_at::text, 'never') || ', because of '
                  || coalesce(reason, 'nothing') AS says
           FROM chat_sessions
           WHERE ((status = 'ended') <> (ended_at IS NOT NULL)
                             OR (status = 'ended') <> (reason IS NOT NULL))""",
    ),
    Rule(
        "a matched request became a session, and no other did",
        """SELECT r.id AS subject, 'is ' || r.status || ', its session is '
                  || coalesce(r.session_id::text, 'none') || ', it takes part in '
                  || coalesce(p.session_id::text, 'none') AS says
           FROM match_requests AS r LEFT JOIN participants AS p ON p.request_id = r.id
           WHERE ((r.status = 'matched') <> (r.session_id IS NOT NULL)
                             OR p.session_id IS DISTINCT FROM r.session_id
                             OR p.user_id <> r.user_id)""",
    ),
    Rule(
        "a session has two sides",
        """SELECT s.id AS subject, 'has ' || count(DISTINCT p.user_id) || ' users' AS says
           FROM chat_sessions AS s LEFT JOIN participants AS p ON p.session_id = s.id
           GROUP BY s.id HAVING count(DISTINCT p.user_id) <> 2 OR count(*) <> 2""",
    ),
    Rule(
        "a side is live while its session is",
        """SELECT s.id AS subject, p.user_id || ' is ' || CASE WHEN p.live THEN '' ELSE 'not ' END
                  || 'live, the session is ' || s.status AS says
           FROM chat_sessions AS s JOIN participants AS p ON p.session_id = s.id
           WHERE p.live <> (s.status <> 'ended')""",
    ),
    Rule(
        "no live session between two of whom one blocked the other",
        """SELECT a.session_id AS subject, b.user_id || ' blocked ' || b.blocked_id AS says
           FROM participants AS a JOIN participants AS z
             ON z.session_id = a.session_id AND z.user_id <> a.user_id
           JOIN blocks AS b ON b.user_id = a.user_id AND b.blocked_id = z.user_id
           WHERE a.live""",
    ),
    Rule(
        "nobody meets the same partner twice in a line of requests",
        """SELECT r.line AS subject, r.user_id || ' met ' || z.user_id || ' '
                  || count(DISTINCT a.session_id) || ' times' AS says
           FROM match_requests AS r JOIN participants AS a ON a.request_id = r.id
           JOIN participants AS z ON z.session_id = a.session_id AND z.user_id <> a.user_id
           GROUP BY r.line, r.user_id, z.user_id HAVING count(DISTINCT a.session_id) > 1""",
    ),
    Rule(
        "who is erased has nothing open",
        """SELECT u.id AS subject, 'is erased and has open ' || coalesce(r.id, p.session_id) AS says
           FROM users AS u
           LEFT JOIN match_requests AS r ON r.user_id = u.id AND r.status = 'pending'
           LEFT JOIN participants AS p ON p.user_id = u.id AND p.live
           WHERE u.erased_at IS NOT NULL AND (r.id IS NOT NULL OR p.session_id IS NOT NULL)
            """,
    ),
    Rule(
        "no request waits beyond its time",
        """SELECT id AS subject, 'was to expire at ' || expires_at AS says FROM match_requests
           WHERE status = 'pending' AND expires_at < now() - $1::float * interval '1 s'""",
        is_about_time=True,
    ),
    Rule(
        "what is caused is published",
        """SELECT event_id AS subject, type || ' stands in the outbox since ' || created_at AS says
           FROM outbox WHERE created_at < now() - $1::float * interval '1 s'""",
        is_about_time=True,
    ),
)
