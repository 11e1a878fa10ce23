"""Complaints about a partner: taken once, and not without end."""

from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.requests import idempotency
from services.sessions.requests.refusals import unknown_session
from services.sessions.store import history, reports
from services.sessions.store.database import Transaction
from services.sessions.store.history import Encounter
from services.sessions.store.reports import NewReport
from shared.errors import Refused
from shared.events import ReportFiled
from shared.identifiers import ReportId, is_id, new_id
from shared.requests import FileReport, ReportTaken


async def file_report(outbox: Outbox, settings: Settings, asked: FileReport) -> ReportTaken:
    """Also of a session that is live, or in which nobody joined: a name alone can offend.

    The same words about the same session again are the same report.
    """

    async def body(transaction: Transaction) -> ReportTaken:
        kept = await idempotency.done_before(transaction, asked.user_id, asked.idempotency)
        if kept is not None:
            return ReportTaken(report_id=ReportId(kept), replayed=True)
        met = await history.encounter(transaction.connection, asked.user_id, asked.session_id)
        if met is None:
            raise unknown_session()
        taken = await _file(transaction, asked, met, settings)
        await idempotency.keep(
            transaction, asked.user_id, asked.idempotency, taken.report_id, settings
        )
        return taken

    if not is_id(asked.session_id):
        raise unknown_session()
    return await outbox.transact([asked.user_id], body)


async def _file(
    transaction: Transaction, asked: FileReport, met: Encounter, settings: Settings
) -> ReportTaken:
    """Refused: `too-many-reports`."""
    report = NewReport(
        report_id=ReportId(new_id()),
        reporter_id=asked.user_id,
        reported_id=met.partner_id,
        session_id=asked.session_id,
        reason=asked.reason,
        details=asked.details,
    )
    limit = settings.reports_max
    before = await reports.standing(transaction, report, settings.reports_period_s, limit)
    if before.same is not None:
        return ReportTaken(report_id=before.same, replayed=True)
    if before.lately >= limit:
        hours = settings.reports_period_s / 3600
        raise Refused(
            "too-many-reports",
            f"at most {limit} reports in {hours:g} hours",
            {"retry_after_s": str(before.wait_s)},
        )
    await reports.insert(transaction, report)
    transaction.events.append(_filed(transaction, report, met))
    return ReportTaken(report_id=report.report_id)


def _filed(transaction: Transaction, report: NewReport, met: Encounter) -> ReportFiled:
    return ReportFiled(
        correlation_id=met.request_id,
        report_id=report.report_id,
        reporter_id=report.reporter_id,
        reported_id=report.reported_id,
        session_id=report.session_id,
        reason=report.reason,
        at=transaction.now,
    )
