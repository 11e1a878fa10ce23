"""Rating a session and reporting a partner."""

import hashlib
from typing import Any

import msgspec
import pytest

from shared.domain import FeedbackTag, Idempotency, ReportReason
from shared.errors import Refused
from shared.identifiers import ReportId, SessionId, new_id
from shared.requests import Done, FileReport, GiveFeedback, ReportTaken

SESSION = SessionId(new_id())
FEEDBACK = f"/sessions/{SESSION}/feedback"
REPORT = ReportId(new_id())


def complaint(**changes: Any) -> dict[str, Any]:
    return {"session_id": SESSION, "reason": "spam", **changes}


async def test_a_rating_needs_no_words(api: Any) -> None:
    api.asker.script[GiveFeedback] = Done()
    answer = await api.call("POST", FEEDBACK, json={"rating": 1})
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.asker.asked == [GiveFeedback(user_id=api.user_id, session_id=SESSION, rating=1)]


async def test_tags_and_a_comment_travel_cleaned(api: Any) -> None:
    api.asker.script[GiveFeedback] = Done()
    body = {"rating": 5, "tags": ["friendly", "good-audio"], "comment": " ¡Sí!\r\n" + "x" * 990}
    assert (await api.call("POST", FEEDBACK, json=body)).status_code == 204
    [asked] = api.asker.asked
    assert asked.tags == (FeedbackTag.FRIENDLY, FeedbackTag.GOOD_AUDIO)
    assert asked.comment == "¡Sí!\n" + "x" * 990


@pytest.mark.parametrize(
    ("body", "pointer", "word"),
    [
        ({"rating": 0}, "/rating", "value 0"),
        ({"rating": 6}, "/rating", "value 6"),
        ({"rating": "5"}, "/rating", "str"),
        ({"rating": 4.5}, "/rating", "float"),
        ({"rating": True}, "/rating", "bool"),
        ({"rating": None}, "/rating", "null"),
        ({}, "/rating", "rating"),
        ({"rating": 10**30}, "/rating", ""),
        ({"rating": 5, "tags": ["best"]}, "/tags/0", "best"),
        ({"rating": 5, "tags": "fun"}, "/tags", "str"),
        ({"rating": 5, "comment": "x" * 1001}, "/comment", "1000"),
        ({"rating": 5, "comment": "a\x00b"}, "/comment", "control"),
        ({"rating": 5, "stars": 5}, "/stars", "stars"),
    ],
)
async def test_a_rating_that_is_none_is_refused_by_its_field(
    api: Any, body: dict[str, Any], pointer: str, word: str
) -> None:
    answer = await api.call("POST", FEEDBACK, json=body)
    document = await api.refused(422, "invalid-body", answer)
    [error] = document["errors"]
    assert error["pointer"] == pointer
    assert word in error["detail"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "unknown-session"),
        (409, "session-live"),
        (409, "never-talked"),
        (409, "feedback-given"),
        (422, "idempotency-mismatch"),
    ],
)
async def test_ratings_that_cannot_be_are_told_apart(api: Any, status: int, code: str) -> None:
    api.asker.script[GiveFeedback] = Refused(code, "No.", {"session_id": SESSION})
    answer = await api.call("POST", FEEDBACK, json={"rating": 3})
    assert (await api.refused(status, code, answer, asked=True))["session_id"] == SESSION


async def test_keys_name_the_path_of_their_session(api: Any) -> None:
    api.asker.script |= {GiveFeedback: Done(), FileReport: ReportTaken(report_id=REPORT)}
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    rating, reported = b'{"rating": 3}', msgspec.json.encode(complaint())
    await api.call("POST", FEEDBACK, content=rating, headers=headers)
    await api.call("POST", "/reports", content=reported, headers=headers)
    assert [asked.idempotency for asked in api.asker.asked] == [
        Idempotency(key="k", operation=operation, body_sha256=hashlib.sha256(body).hexdigest())
        for operation, body in ((f"POST {FEEDBACK}", rating), ("POST /reports", reported))
    ]


@pytest.mark.parametrize("path", [FEEDBACK, "/reports"])
async def test_a_key_that_is_none_is_refused(api: Any, path: str) -> None:
    body = {"rating": 3} if path == FEEDBACK else complaint()
    answer = await api.call("POST", path, json=body, headers={"Idempotency-Key": "a b"})
    await api.refused(400, "invalid-idempotency-key", answer)


async def test_a_report_is_answered_with_its_id(api: Any) -> None:
    api.asker.script[FileReport] = ReportTaken(report_id=REPORT)
    answer = await api.call("POST", "/reports", json=complaint(details=" Sells\r\nwatches. "))
    assert (answer.status_code, answer.json()) == (201, {"report_id": REPORT})
    assert "idempotency-replayed" not in answer.headers
    [asked] = api.asker.asked
    assert (asked.session_id, asked.reason) == (SESSION, ReportReason.SPAM)
    assert asked.details == "Sells\nwatches."


async def test_a_report_filed_before_says_so(api: Any) -> None:
    api.asker.script[FileReport] = ReportTaken(report_id=REPORT, replayed=True)
    answer = await api.call("POST", "/reports", json=complaint())
    assert (answer.status_code, answer.json()) == (201, {"report_id": REPORT})
    assert answer.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (complaint(reason="ugly"), "/reason"),
        (complaint(reason=None), "/reason"),
        (complaint(session_id=None), "/session_id"),
        ({"reason": "spam"}, "/session_id"),
        ({"session_id": SESSION}, "/reason"),
        (complaint(details="x" * 2001), "/details"),
        (complaint(details="a\x1bb"), "/details"),
        (complaint(user_id=new_id()), "/user_id"),
    ],
)
async def test_a_report_that_is_none_is_refused_by_its_field(
    api: Any, body: dict[str, Any], pointer: str
) -> None:
    answer = await api.call("POST", "/reports", json=body)
    document = await api.refused(422, "invalid-body", answer)
    assert [error["pointer"] for error in document["errors"]] == [pointer]


@pytest.mark.parametrize("typed", ["", "x", "1", SESSION + "0", "../" + SESSION])
async def test_what_is_no_identifier_names_no_session(api: Any, typed: str) -> None:
    answer = await api.call("POST", "/reports", json=complaint(session_id=typed))
    await api.refused(404, "unknown-session", answer)
    if "/" not in typed and typed:
        answer = await api.call("POST", f"/sessions/{typed}/feedback", json={"rating": 3})
        await api.refused(404, "unknown-session", answer)


async def test_too_many_reports_say_when_the_next_is_taken(api: Any) -> None:
    about = {"retry_after_s": "3599.2"}
    api.asker.script[FileReport] = Refused("too-many-reports", "at most 20", about)
    answer = await api.call("POST", "/reports", json=complaint())
    await api.refused(429, "too-many-reports", answer, asked=True)
    assert answer.headers["retry-after"] == "3600"


@pytest.mark.parametrize("path", [FEEDBACK, "/reports"])
async def test_who_shows_no_token_judges_nobody(api: Any, path: str) -> None:
    answer = await api.client.post(f"/api/v1{path}", json={"rating": 3})
    await api.refused(401, "missing-token", answer)
