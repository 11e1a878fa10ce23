"""The command with which moderators work through reports."""

import asyncio

import pytest

from services.sessions import reports
from services.sessions.config import Settings
from services.sessions.tests.replica import Replica, act
from shared.domain import ReportReason
from shared.events import ParticipantLeft
from shared.identifiers import ReportId, SessionId, UserId, new_id
from shared.requests import EraseUser, FileReport

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)


async def tend(*words: str) -> int:
    """The command as a person runs it, which brings its own event loop."""
    return await asyncio.to_thread(reports.main, words)


async def file(
    sessions: Replica, user_id: UserId, session_id: SessionId, details: str = ""
) -> ReportId:
    asked = FileReport(
        user_id=user_id, session_id=session_id, reason=ReportReason.SPAM, details=details
    )
    return (await sessions.ask(asked)).report_id


def ids(listed: str) -> list[str]:
    """Of the reports in this output, from top to bottom."""
    return [line.split()[0] for line in listed.splitlines() if line and not line.startswith(" ")]


async def test_open_reports_are_listed_oldest_first_with_who_and_what(
    sessions: Replica, capsys: Capture
) -> None:
    ana, ben, session_id = await sessions.active_pair()
    first = await file(sessions, ana, session_id, "Sells watches.\nTwice.")
    await sessions.ago(130)
    await sessions.hear(act(ParticipantLeft, ben, session_id))
    second = await file(sessions, ben, session_id)
    assert await tend("list") == 0
    out = capsys.readouterr().out
    assert ids(out) == [first, second]
    assert "  spam  open since 20" in out
    assert f"  about    {ben}  Ben\n  by       {ana}  Ana\n" in out
    assert f"  session  {session_id}  talked 2 min, ended: left" in out
    assert "  | Sells watches.\n  | Twice.\n" in out


async def test_how_often_somebody_was_reported_is_told(sessions: Replica, capsys: Capture) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await file(sessions, ana, session_id, "1")
    await file(sessions, ana, session_id, "2")
    await tend("list")
    out = capsys.readouterr().out
    assert f"{ben}  Ben  (2 reports)" in out
    assert f"{session_id}  live" in out


async def test_a_report_is_closed_once_with_a_note(sessions: Replica, capsys: Capture) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    first, second = await file(sessions, ana, session_id), await file(sessions, ben, session_id)
    assert await tend("close", first, "--note", " Warned. ") == 0
    assert f"{first}: closed" in capsys.readouterr().out
    await tend("list")
    assert ids(capsys.readouterr().out) == [second]
    await tend("list", "--all")
    out = capsys.readouterr().out
    assert ids(out) == [second, first]
    assert "  spam  closed since 20" in out
    assert "  → Warned.\n" in out
    assert await tend("close", first, "--note", "Again.") == 1
    assert "no open report" in capsys.readouterr().out
    assert await sessions.value("SELECT note FROM reports WHERE id = $1", first) == "Warned."


@pytest.mark.parametrize("typed", ["", "x", "0198", new_id()])
async def test_what_names_no_open_report_closes_none(
    sessions: Replica, capsys: Capture, typed: str
) -> None:
    ana, _, session_id = await sessions.talking_pair()
    await file(sessions, ana, session_id)
    assert await tend("close", typed, "--note", "Done.") == 1
    assert "no open report" in capsys.readouterr().out
    assert await sessions.value("SELECT count(*) FROM reports WHERE status = 'open'") == 1


@pytest.mark.parametrize("words", [(), ("--note", " "), ("--note", "x" * 2001)])
async def test_nothing_is_closed_without_a_note(
    sessions: Replica, capsys: Capture, words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit):
        await tend("close", new_id(), *words)
    assert "note" in capsys.readouterr().err


async def test_where_nobody_complained_that_is_said(sessions: Replica, capsys: Capture) -> None:
    await tend("list")
    await tend("list", "--all")
    assert capsys.readouterr().out == "no open reports\nno reports\n"


async def test_what_people_wrote_does_not_steer_the_terminal(
    sessions: Replica, capsys: Capture
) -> None:
    ana, _, session_id = await sessions.talking_pair()
    await file(sessions, ana, session_id, "\x1b[2Jعربي \u202eevil")
    await tend("list")
    out = capsys.readouterr().out
    assert "  | \\u001b[2Jعربي \\u202eevil\n" in out


async def test_erased_users_have_no_name_in_the_list(sessions: Replica, capsys: Capture) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await file(sessions, ana, session_id, "Watches.")
    await sessions.ask(EraseUser(user_id=ben))
    await tend("list")
    out = capsys.readouterr().out
    assert f"  about    {ben}  (erased)" in out
    assert "  | Watches." in out


async def test_a_long_list_says_that_there_is_more(
    sessions: Replica, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LISTED_MAX", 2)
    ana, _, session_id = await sessions.talking_pair()
    for details in "123":
        await file(sessions, ana, session_id, details)
    await tend("list")
    out = capsys.readouterr().out
    assert "  | 2\n" in out and "  | 3\n" not in out
    assert "and more" in out


async def test_a_database_out_of_reach_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for url in ("postgres://nobody@127.0.0.1:1/none", ""):
        monkeypatch.setenv("DATABASE_URL", url)
        assert await tend("list") == 1
        assert capsys.readouterr().err.startswith("reports: ")
