import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from services.sessions.tests.replica import ENGLISH, Replica, refusal
from shared.domain import Idempotency, ReportReason
from shared.errors import Refused
from shared.events import ReportFiled
from shared.identifiers import SessionId, UserId, new_id
from shared.requests import BlockUser, EraseUser, FileReport

SPAM, OTHER = ReportReason.SPAM, ReportReason.OTHER


def keyed(asked: FileReport, key: str, body: str) -> FileReport:
    idempotency = Idempotency(key=key, operation="POST /reports", body_sha256=body)
    return replace(asked, idempotency=idempotency)


async def kept(sessions: Replica) -> list[tuple[Any, ...]]:
    query = """SELECT reporter_id, reported_id, session_id, reason, details, status, note
               FROM reports ORDER BY created_at"""
    return [tuple(row) for row in await sessions.rows(query)]


async def test_a_report_is_kept_open_and_told_without_its_details(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    asked = FileReport(user_id=ana, session_id=session_id, reason=SPAM, details="Sells watches.")
    taken = await sessions.ask(asked)
    assert not taken.replayed
    assert await kept(sessions) == [(ana, ben, session_id, "spam", "Sells watches.", "open", "")]
    event = await sessions.only(ReportFiled)
    assert (event.report_id, event.reporter_id, event.reported_id) == (taken.report_id, ana, ben)
    assert (event.session_id, event.reason) == (session_id, SPAM)
    assert "watches" not in repr(event)


async def test_a_session_that_is_over_can_be_reported_by_either_side(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.ask(BlockUser(user_id=ana, blocked_id=ben))
    for user in (ana, ben):
        await sessions.ask(FileReport(user_id=user, session_id=session_id, reason=OTHER))
    assert [row[:2] for row in await kept(sessions)] == [(ana, ben), (ben, ana)]


async def test_the_same_words_again_are_the_same_report(sessions: Replica) -> None:
    ana, _, session_id = await sessions.talking_pair()
    asked = FileReport(user_id=ana, session_id=session_id, reason=SPAM, details="Twice.")
    first, again = await sessions.ask(asked), await sessions.ask(asked)
    assert again == replace(first, replayed=True)
    other = await sessions.ask(replace(asked, details="And rude."))
    assert other.report_id != first.report_id
    assert len(await kept(sessions)) == len(sessions.told(ReportFiled)) == 2


async def test_a_key_names_the_report_it_filed_and_stands_for_one_body(sessions: Replica) -> None:
    ana, _, session_id = await sessions.talking_pair()
    asked = FileReport(user_id=ana, session_id=session_id, reason=SPAM, details="Once.")
    first = await sessions.ask(keyed(asked, "k", "a"))
    again = await sessions.ask(keyed(asked, "k", "a"))
    assert again == replace(first, replayed=True)
    refused = await refusal(sessions.ask(keyed(replace(asked, reason=OTHER), "k", "b")))
    assert refused.code == "idempotency-mismatch"
    assert len(await kept(sessions)) == 1


@pytest.mark.parametrize("guess", ["", "x", new_id(), None])
async def test_nobody_reports_in_a_session_that_is_not_theirs(
    sessions: Replica, guess: str | None
) -> None:
    _, _, session_id = await sessions.talking_pair()
    eve = await sessions.register("Eve", ENGLISH)
    for user in (eve, UserId(new_id())):
        session = session_id if guess is None else SessionId(guess)
        asked = FileReport(user_id=user, session_id=session, reason=SPAM)
        assert (await refusal(sessions.ask(asked))).code == "unknown-session"
    assert await kept(sessions) == []
    assert sessions.told(ReportFiled) == []


async def test_nobody_reports_without_end_and_a_day_later_one_may_again(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    async with sessions.like(reports_max=2) as strict:
        asked = FileReport(user_id=ana, session_id=session_id, reason=SPAM)
        for details in ("1", "2"):
            await strict.ask(replace(asked, details=details))
        refused = await refusal(strict.ask(replace(asked, details="3")))
        assert refused.code == "too-many-reports"
        assert "2 reports in 24 hours" in refused.detail
        assert 86_300 < float(refused.about["retry_after_s"]) <= 86_400
        assert (await strict.ask(replace(asked, details="2"))).replayed
        await strict.ask(replace(asked, user_id=ben, details="mine"))
        await strict.rows("UPDATE reports SET created_at = created_at - interval '24 h' "
                          "WHERE details = '1'")  # fmt: skip
        await strict.ask(replace(asked, details="3"))
    assert [row[4] for row in await kept(sessions)] == ["1", "2", "mine", "3"]


async def test_of_many_reports_at_once_no_more_than_the_limit_are_kept(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    ana, _, session_id = await one.talking_pair()
    asked = FileReport(user_id=ana, session_id=session_id, reason=SPAM)
    async with one.like(reports_max=3) as a, other.like(reports_max=3) as b:
        asking = [(a, b)[i % 2].ask(replace(asked, details=f"{i}")) for i in range(20)]
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(each, Refused) for each in outcomes) == 17
    assert len(await kept(one)) == 3


@pytest.mark.parametrize("erased", ["reporter", "reported"])
async def test_reports_outlive_those_they_are_by_and_about(sessions: Replica, erased: str) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.ask(
        FileReport(user_id=ana, session_id=session_id, reason=SPAM, details="Watches.")
    )
    before = await kept(sessions)
    await sessions.ask(EraseUser(user_id=ana if erased == "reporter" else ben))
    assert await kept(sessions) == before
    asked = FileReport(user_id=ana, session_id=session_id, reason=OTHER)
    if erased == "reporter":
        assert (await refusal(sessions.ask(asked))).code == "unknown-session"
    else:
        await sessions.ask(asked)
