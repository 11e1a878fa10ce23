"""The table `reports`: what users complain about, until somebody has looked into it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from services.sessions.store.database import Connection, Transaction, structs
from shared.domain import ReportReason, SessionEndReason
from shared.identifiers import ReportId, SessionId, UserId

STANDING = """
SELECT (SELECT id FROM reports
        WHERE reporter_id = $1 AND session_id = $2 AND reason = $3 AND details = $4
        ORDER BY created_at LIMIT 1) AS same,
       count(*) AS lately,
       extract(epoch FROM min(created_at) + $6::float * interval '1 s' - $5)::float AS wait_s
FROM (SELECT created_at FROM reports
      WHERE reporter_id = $1 AND created_at > $5::timestamptz - $6::float * interval '1 s'
      ORDER BY created_at DESC LIMIT $7) AS newest
"""
INSERT = """
INSERT INTO reports (id, reporter_id, reported_id, session_id, reason, details, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
LIST = """
SELECT row_to_json(x) FROM (
    SELECT r.id AS report_id, r.status, r.reason, r.details, r.created_at, r.closed_at, r.note,
           r.session_id, r.reporter_id, r.reported_id,
           reporter.display_name AS reporter_name, reported.display_name AS reported_name,
           (SELECT count(*) FROM reports AS other
            WHERE other.reported_id = r.reported_id) AS reports_of_reported,
           c.reason AS session_reason,
           extract(epoch FROM c.ended_at - c.active_at)::float AS talked_s
    FROM reports AS r
    JOIN users AS reporter ON reporter.id = r.reporter_id
    JOIN users AS reported ON reported.id = r.reported_id
    JOIN chat_sessions AS c ON c.id = r.session_id
    %s LIMIT $1
) AS x
"""
OPEN = LIST % "WHERE r.status = 'open' ORDER BY r.created_at, r.id"
ALL = LIST % "ORDER BY r.created_at DESC, r.id DESC"
CLOSE = """
UPDATE reports SET status = 'closed', closed_at = statement_timestamp(), note = $2
WHERE id = $1 AND closed_at IS NULL RETURNING true
"""


class NewReport(Struct, frozen=True, kw_only=True):
    """A complaint about to be kept."""

    report_id: ReportId
    reporter_id: UserId
    reported_id: UserId
    session_id: SessionId
    reason: ReportReason
    details: str


class Standing(Struct, frozen=True, kw_only=True):
    """What the reporter reported before.

    `same`: a report in the same words. `lately`: how many in the period, counted up to the limit;
    in `wait_s` one of those will be older than that.
    """

    same: ReportId | None
    lately: int
    wait_s: float


class Listed(Struct, frozen=True, kw_only=True):
    """A report with what a moderator wants to know at once. Erased users have an empty name."""

    report_id: ReportId
    status: str
    reason: ReportReason
    details: str
    created_at: datetime
    closed_at: datetime | None
    note: str
    session_id: SessionId
    reporter_id: UserId
    reporter_name: str
    reported_id: UserId
    reported_name: str
    reports_of_reported: int
    session_reason: SessionEndReason | None
    talked_s: float | None


_listed = msgspec.json.Decoder(Listed)


async def standing(
    transaction: Transaction, report: NewReport, period_s: float, limit: int
) -> Standing:
    row = await transaction.connection.fetchrow(
        STANDING,
        report.reporter_id,
        report.session_id,
        report.reason,
        report.details,
        transaction.now,
        period_s,
        limit,
    )
    assert row is not None, "an aggregate has one row"
    return Standing(same=row["same"], lately=row["lately"], wait_s=row["wait_s"] or 0.0)


async def insert(transaction: Transaction, report: NewReport) -> None:
    await transaction.connection.execute(
        INSERT,
        report.report_id,
        report.reporter_id,
        report.reported_id,
        report.session_id,
        report.reason,
        report.details,
        transaction.now,
    )


async def opened(connection: Connection, limit: int) -> Sequence[Listed]:
    """Those nobody has closed, oldest first."""
    return await structs(connection, _listed, OPEN, limit)


async def newest(connection: Connection, limit: int) -> Sequence[Listed]:
    """Open and closed, newest first."""
    return await structs(connection, _listed, ALL, limit)


async def close(connection: Connection, report_id: ReportId, note: str) -> bool:
    """Whether an open report of this id is closed now."""
    return await connection.fetchval(CLOSE, report_id, note) is True
