"""Looks after reports: `python -m services.sessions.reports list | close ID --note TEXT`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime

from services.sessions.config import DatabaseSettings
from services.sessions.store import reports
from services.sessions.store.database import Database
from services.sessions.store.reports import Listed
from shared import config
from shared.errors import Rejected, SettingsError, Unavailable
from shared.identifiers import ReportId, UserId, is_id

LISTED_MAX = 200
"""Reports shown at once: more than anybody works through before looking again."""
NOTE_LENGTH_MAX = 2_000
"""A page, as much as the report itself may have."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when done, 1 when there is no such open report or Postgres cannot be reached."""
    wanted = _parser().parse_args(arguments)
    try:
        return asyncio.run(_do(wanted, config.load(DatabaseSettings, os.environ)))
    except (SettingsError, Unavailable, Rejected) as error:
        print(f"reports: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reports", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the open reports, oldest first")
    listing.add_argument("--all", action="store_true", help="closed ones too, newest first")
    closing = commands.add_parser("close", help="close a report that somebody has looked into")
    closing.add_argument("id", help="the report's id, whole")
    closing.add_argument("--note", required=True, type=_note, help="what came of it")
    return parser


def _note(text: str) -> str:
    """What the argument says; argparse tells what is wrong with it."""
    note = text.strip()
    if not 1 <= len(note) <= NOTE_LENGTH_MAX:
        raise argparse.ArgumentTypeError(f"a note has 1 to {NOTE_LENGTH_MAX} characters")
    return note


async def _do(wanted: argparse.Namespace, settings: DatabaseSettings) -> int:
    database = await Database.connect(settings)
    try:
        if wanted.command == "list":
            return await _list(database, wanted.all)
        return await _close(database, wanted.id, wanted.note)
    finally:
        await database.close()


async def _list(database: Database, everything: bool) -> int:
    read = reports.newest if everything else reports.opened
    async with database.connection() as connection:
        found = await read(connection, LISTED_MAX + 1)
    for report in found[:LISTED_MAX]:
        print("\n".join(_lines(report)), end="\n\n")
    if not found:
        print("no reports" if everything else "no open reports")
    if len(found) > LISTED_MAX:
        print(f"… and more: these are the first {LISTED_MAX}")
    return 0


async def _close(database: Database, report_id: str, note: str) -> int:
    closed = False
    if is_id(report_id):
        async with database.connection() as connection:
            closed = await reports.close(connection, ReportId(report_id), note)
    print(f"{report_id}: closed" if closed else f"there is no open report {_safe(report_id)}")
    return 0 if closed else 1


def _lines(report: Listed) -> Iterator[str]:
    yield f"{report.report_id}  {report.reason}  {report.status} since {_moment(report)}"
    yield f"  about    {_person(report.reported_id, report.reported_name)}{_times(report)}"
    yield f"  by       {_person(report.reporter_id, report.reporter_name)}"
    yield f"  session  {report.session_id}  {_session(report)}"
    yield from (f"  | {_safe(line)}" for line in report.details.splitlines())
    yield from (f"  → {_safe(line)}" for line in report.note.splitlines())


def _moment(report: Listed) -> str:
    return _time(report.closed_at or report.created_at)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _person(user_id: UserId, name: str) -> str:
    return f"{user_id}  {_safe(name) or '(erased)'}"


def _times(report: Listed) -> str:
    number = report.reports_of_reported
    return f"  ({number} reports)" if number > 1 else ""


def _session(report: Listed) -> str:
    if report.session_reason is None:
        return "live"
    talked = f"talked {report.talked_s / 60:.0f} min" if report.talked_s else "never talked"
    return f"{talked}, ended: {report.session_reason}"


def _safe(text: str) -> str:
    """People wrote this: nothing of it may steer a terminal or turn the text around it."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


if __name__ == "__main__":
    sys.exit(main())
