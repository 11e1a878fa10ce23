"""What Postgres has of one user: what there is, and what happened when."""

import json
from datetime import datetime

import asyncpg
from msgspec import Struct

NEWEST = 20
"""Of requests and sessions: who looks into a user's trouble looks at the last days."""

USER = "SELECT * FROM users WHERE id = $1"
REQUESTS = "SELECT * FROM match_requests WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2"
SESSIONS = """
SELECT s.*, p.side, p.practises, p.practised_s, p.connection_id, p.connected, p.ended_it,
       z.user_id AS partner_id, z.connected AS partner_connected
FROM participants AS p JOIN chat_sessions AS s ON s.id = p.session_id
JOIN participants AS z ON z.session_id = p.session_id AND z.user_id <> p.user_id
WHERE p.user_id = $1 ORDER BY p.created_at DESC LIMIT $2
"""
FEEDBACK = """
SELECT f.*, f.user_id = $1 AS given FROM feedback AS f JOIN participants AS p USING (session_id)
WHERE p.user_id = $1 ORDER BY f.created_at DESC LIMIT $2
"""
REPORTS = """
SELECT *, reporter_id = $1 AS filed FROM reports WHERE $1 IN (reporter_id, reported_id)
ORDER BY created_at DESC LIMIT $2
"""
BLOCKS = "SELECT *, user_id = $1 AS made FROM blocks WHERE $1 IN (user_id, blocked_id)"
OUTBOX = """
SELECT event_id, type, correlation_id, created_at FROM outbox
WHERE strpos(body::text, $1::uuid::text) > 0 ORDER BY created_at
"""


class Moment(Struct, frozen=True, order=True):
    at: datetime
    where: str
    what: str


class Rows(Struct, frozen=True):
    """Newest first. Neither comments on talks nor details of reports: these are for moderators."""

    user: asyncpg.Record
    requests: list[asyncpg.Record]
    sessions: list[asyncpg.Record]
    feedback: list[asyncpg.Record]
    reports: list[asyncpg.Record]
    blocks: list[asyncpg.Record]
    outbox: list[asyncpg.Record]

    @property
    def ids(self) -> list[str]:
        """Of the user, the requests and the sessions."""
        return [str(row["id"]) for row in (self.user, *self.requests, *self.sessions)]


async def read(postgres: "asyncpg.Connection[asyncpg.Record]", user_id: str) -> Rows | None:
    """All in one snapshot; None if nobody has this id."""
    async with postgres.transaction(isolation="repeatable_read", readonly=True):
        user = await postgres.fetchrow(USER, user_id)
        if user is None:
            return None
        return Rows(
            user,
            await postgres.fetch(REQUESTS, user_id, NEWEST),
            await postgres.fetch(SESSIONS, user_id, NEWEST),
            await postgres.fetch(FEEDBACK, user_id, NEWEST),
            await postgres.fetch(REPORTS, user_id, NEWEST),
            await postgres.fetch(BLOCKS, user_id),
            await postgres.fetch(OUTBOX, user_id),
        )


def moments(rows: Rows) -> list[Moment]:
    """What happened, by the rows' own times."""
    told: list[tuple[datetime | None, str]] = [
        (rows.user["created_at"], "registered"),
        (rows.user["erased_at"], "erased"),
    ]
    for row in rows.requests:
        id, status = row["id"], row["status"]
        after = f" after session {row['requeued_from']}" if row["requeued_from"] else ""
        told += [
            (row["created_at"], f"request {id} opened{after}"),
            (row["ended_at"], f"request {id} ended: {status}, {row['reason']}"),
        ]
    for row in rows.sessions:
        id = row["id"]
        told += [
            (row["created_at"], f"session {id} with {row['partner_id']} created"),
            (row["active_at"], f"session {id} active"),
            (row["ended_at"], f"session {id} ended: {row['reason']}{_by(row)}"),
        ]
    for row in rows.feedback:
        who = "rated" if row["given"] else "was rated in"
        told.append((row["created_at"], f"{who} session {row['session_id']}: {row['rating']}"))
    for row in rows.reports:
        how = "reported" if row["filed"] else "was reported by"
        whom = row["reported_id"] if row["filed"] else row["reporter_id"]
        told.append((row["created_at"], f"{how} {whom}: {row['reason']} (report {row['id']})"))
    for row in rows.blocks:
        how = f"blocked {row['blocked_id']}" if row["made"] else f"was blocked by {row['user_id']}"
        told.append((row["created_at"], how))
    return [Moment(at, "postgres", what) for at, what in told if at is not None]


def shown(rows: Rows) -> list[str]:
    user = rows.user
    practised = json.loads(user["practice_languages"])
    practices = ", ".join(f"{each['language']} ({each['level']})" for each in practised)
    lines = [
        f"user      version {user['version']}, speaks {', '.join(user['native_languages'])},"
        f" practises {practices}{', relay only' if user['relay_only'] else ''}"
        f"{', erased' if user['erased_at'] else ''}"
    ]
    for row in rows.requests:
        times = f"since {_time(row['since'])}, until {_time(row['expires_at'])}"
        lines.append(
            f"request   {row['id']} {row['status']} attempt {row['attempt']}"
            f" repeated {row['repeats']} times, {times}, avoids {len(row['avoid'])}"
        )
    for row in rows.sessions:
        hear = "user" * row["connected"], "partner" * row["partner_connected"]
        connected = " and ".join(filter(None, hear)) or "nobody"
        lines.append(
            f"session   {row['id']} {row['status']} generation {row['generation']},"
            f" practises {row['practises']}, connected: {connected},"
            f" socket {row['connection_id'] or 'none'}"
        )
    lines += [f"outbox    {row['type']} {row['event_id']} since {_time(row['created_at'])}"
              for row in rows.outbox]  # fmt: skip
    return lines


def _by(row: asyncpg.Record) -> str:
    return ", the user's doing" if row["ended_it"] else ""


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
