from datetime import UTC, datetime
from typing import Any

from shared.domain import Partner, SessionEndReason, SessionRecord, SessionStatus
from shared.errors import Refused
from shared.identifiers import SessionId, UserId, new_id
from shared.requests import (
    Blocks,
    BlockUser,
    Done,
    GetSession,
    ListBlocks,
    ListSessions,
    SessionPage,
    UnblockUser,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def a_session() -> SessionRecord:
    partner = Partner(
        id=UserId(new_id()),
        display_name="Ben",
        native_languages=("en",),
        practice_languages=(),
        shared_interests=("film",),
    )
    return SessionRecord(
        session_id=SessionId(new_id()),
        status=SessionStatus.ENDED,
        partner=partner,
        you_practise="en",
        partner_practises="es",
        created_at=NOW,
        ended_at=NOW,
        reason=SessionEndReason.LEFT,
        duration_s=1260,
        completed_minimum=True,
    )


async def test_the_history_comes_in_pages(api: Any) -> None:
    session = a_session()
    api.asker.script[ListSessions] = SessionPage(
        sessions=(session,), next_before=session.session_id
    )
    body = (await api.call("GET", "/sessions?limit=1")).json()
    assert [one["partner"]["display_name"] for one in body["sessions"]] == ["Ben"]
    await api.call("GET", f"/sessions?cursor={body['next_cursor']}")
    assert [(one.limit, one.before) for one in api.asker.asked] == [
        (1, None),
        (20, session.session_id),
    ]


async def test_one_session_can_be_read(api: Any) -> None:
    session = a_session()
    api.asker.script[GetSession] = session
    answer = await api.call("GET", f"/sessions/{session.session_id}")
    assert (answer.status_code, answer.json()["reason"]) == (200, "left")


async def test_somebody_elses_session_is_unknown(api: Any) -> None:
    api.asker.script[GetSession] = Refused("unknown-session", "No such session.")
    answer = await api.call("GET", f"/sessions/{new_id()}")
    await api.refused(404, "unknown-session", answer, asked=True)


async def test_blocking_listing_and_taking_back(api: Any, a_state: Any) -> None:
    other = UserId(new_id())
    api.asker.script |= {
        BlockUser: a_state(api.user_id),
        ListBlocks: Blocks(user_ids=(other,)),
        UnblockUser: Done(),
    }
    assert (await api.call("PUT", f"/blocks/{other}")).status_code == 204
    assert api.cards.told == [a_state(api.user_id)]
    assert (await api.call("GET", "/blocks")).json() == {"user_ids": [other]}
    assert (await api.call("DELETE", f"/blocks/{other}")).status_code == 204
    assert [one.blocked_id for one in api.asker.asked if hasattr(one, "blocked_id")] == [other] * 2


async def test_blocks_that_cannot_be_are_told_apart(api: Any) -> None:
    for code, status in (("block-self", 409), ("unknown-user", 404), ("too-many-blocks", 409)):
        api.asker.script[BlockUser] = Refused(code, "No.")
        answer = await api.call("PUT", f"/blocks/{new_id()}")
        await api.refused(status, code, answer, asked=True)
    api.asker.script[UnblockUser] = Refused("not-blocked", "No.")
    answer = await api.call("DELETE", f"/blocks/{new_id()}")
    await api.refused(404, "not-blocked", answer, asked=True)
