import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain import Idempotency, Level, PendingRequest, Practice, RequestRecord, RequestStatus
from shared.errors import Refused, Unavailable
from shared.events import PairMeasured, PoolMeasured
from shared.identifiers import RequestId, SessionId, new_id
from shared.requests import CancelRequest, GetRequest, GetState, OpenRequest

PATH = "/match/request"


async def test_a_request_is_accepted_with_202_and_its_place(api: Any) -> None:
    answer = await api.call("POST", PATH, json={})
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"request_id", "status", "expires_at", "estimated_wait_s", "connected"}
    assert answer.headers["location"] == f"/api/v1/match/request/{body['request_id']}"
    assert (body["status"], body["estimated_wait_s"], body["connected"]) == ("pending", None, False)
    assert body["expires_at"] == "2026-11-22T12:05:00Z"
    assert [state.request.request_id for state in api.cards.told] == [body["request_id"]]
    assert api.presence.renewed == [api.user_id]


async def test_languages_and_time_may_be_given(api: Any) -> None:
    wish = {
        "native_languages": ["iw"],
        "practice_languages": [{"language": "pt-br", "level": "C1"}],
        "timeout": "3m",
    }
    assert (await api.call("POST", PATH, json=wish)).status_code == 202
    assert api.asker.asked == [
        OpenRequest(
            user_id=api.user_id,
            timeout_s=180,
            native_languages=("he",),
            practice_languages=(Practice("pt-BR", Level.C1),),
            can_relay=False,
        )
    ]


async def test_no_body_at_all_is_a_plain_wish(api: Any) -> None:
    assert (await api.call("POST", PATH)).status_code == 202


async def test_the_answer_says_who_is_connected_and_how_long_it_may_take(api: Any) -> None:
    waits_s = (4.0, 4.0, 4.0)
    pair = PairMeasured(native="es", practice="en", waiting=0, recent_waits_s=waits_s)
    measured = PoolMeasured(correlation_id="c", measured_at=datetime.now(UTC), pairs=(pair,))
    await api.figures.store(measured)
    api.cards.online.add(api.user_id)
    body = (await api.call("POST", PATH, json={})).json()
    assert (body["connected"], body["estimated_wait_s"]) == (True, 4.0)


async def test_cards_out_of_reach_do_not_fail_what_sessions_accepted(api: Any) -> None:
    api.cards.failing = Unavailable("redis")
    answer = await api.call("POST", PATH, json={})
    assert (answer.status_code, answer.json()["connected"]) == (202, False)


async def test_an_idempotency_key_travels_with_a_digest_of_the_body(api: Any) -> None:
    headers = {"Idempotency-Key": "a-key", "Content-Type": "application/json"}
    await api.call("POST", PATH, content=b'{"timeout": "3m"}', headers=headers)
    digest = hashlib.sha256(b'{"timeout": "3m"}').hexdigest()
    expected = Idempotency(key="a-key", operation="POST /match/request", body_sha256=digest)
    assert api.asker.asked[0].idempotency == expected


async def test_a_replay_names_the_same_request_with_its_present_status(api: Any) -> None:
    scripted = api.asker.script[OpenRequest]

    def replay(asked: OpenRequest) -> Any:
        opened = scripted(asked)
        record = replace(opened.request, status=RequestStatus.MATCHED)
        return replace(opened, request=record, replayed=True)

    api.asker.script[OpenRequest] = replay
    answer = await api.call("POST", PATH, json={}, headers={"Idempotency-Key": "a-key"})
    assert (answer.status_code, answer.json()["status"]) == (202, "matched")
    assert answer.headers["idempotency-replayed"] == "true"


async def test_a_replay_is_not_promised_again_what_an_arrival_would_be(api: Any) -> None:
    scripted = api.asker.script[OpenRequest]

    def replay(asked: OpenRequest) -> Any:
        opened = scripted(asked)
        since = datetime.now(UTC) - timedelta(seconds=60)
        return replace(opened, request=replace(opened.request, since=since), replayed=True)

    waits_s = (4.0, 4.0, 4.0)
    pair = PairMeasured(native="es", practice="en", waiting=0, recent_waits_s=waits_s)
    measured = PoolMeasured(correlation_id="c", measured_at=datetime.now(UTC), pairs=(pair,))
    await api.figures.store(measured)
    api.asker.script[OpenRequest] = replay
    body = (await api.call("POST", PATH, json={})).json()
    assert (body["status"], body["estimated_wait_s"]) == ("pending", None)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é"])
async def test_an_unusable_idempotency_key_is_400(api: Any, key: str) -> None:
    headers = api.bearer | {"Idempotency-Key": key.encode("latin-1")}
    answer = await api.client.post(f"/api/v1{PATH}", json={}, headers=headers)
    await api.refused(400, "invalid-idempotency-key", answer)


@pytest.mark.parametrize(
    ("code", "status", "about"),
    [
        ("request-pending", 409, {"request_id": new_id()}),
        ("session-live", 409, {"session_id": new_id()}),
        ("idempotency-mismatch", 422, {}),
        ("languages-overlap", 409, {}),
        ("a-code-of-the-future", 409, {}),
    ],
)
async def test_what_sessions_refuses_is_told_with_what_it_is_about(
    api: Any, code: str, status: int, about: dict[str, str]
) -> None:
    api.asker.script[OpenRequest] = Refused(code, "It cannot be.", about)
    document = await api.refused(status, code, await api.call("POST", PATH, json={}), asked=True)
    assert document["detail"] == "It cannot be."
    assert about.items() <= document.items()
    assert api.cards.told == []


async def test_the_pending_request_is_shown_with_what_is_left_to_wait(
    api: Any, a_state: Any
) -> None:
    since = datetime.now(UTC)
    request = PendingRequest(
        request_id=RequestId(new_id()),
        since=since,
        expires_at=since + timedelta(minutes=5),
        native_languages=("es",),
        practice_languages=(Practice("en", Level.B1),),
        requeued_from=SessionId(new_id()),
    )
    api.asker.script[GetState] = a_state(api.user_id, request)
    answer = await api.call("GET", PATH)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["request_id"], body["status"]) == (request.request_id, "pending")
    assert body["requeued_from"] == request.requeued_from
    assert body["estimated_wait_s"] is None


async def test_no_pending_request_is_404(api: Any, a_state: Any) -> None:
    api.asker.script[GetState] = a_state(api.user_id)
    await api.refused(404, "no-request", await api.call("GET", PATH), asked=True)


async def test_cancelling_is_204_and_told_to_the_card(api: Any, a_state: Any) -> None:
    api.asker.script[CancelRequest] = a_state(api.user_id)
    assert (await api.call("DELETE", PATH)).status_code == 204
    assert api.cards.told == [a_state(api.user_id)]


async def test_cancelling_too_late_names_the_session(api: Any) -> None:
    about = {"session_id": new_id(), "request_id": new_id()}
    api.asker.script[CancelRequest] = Refused("already-matched", "Too late.", about)
    answer = await api.call("DELETE", PATH)
    document = await api.refused(409, "already-matched", answer, asked=True)
    assert about.items() <= document.items()


async def test_what_became_of_a_request_can_be_read(api: Any) -> None:
    now = datetime.now(UTC)
    record = RequestRecord(
        request_id=RequestId(new_id()),
        status=RequestStatus.EXPIRED,
        since=now,
        expires_at=now,
        native_languages=("es",),
        practice_languages=(Practice("en", Level.B1),),
    )
    api.asker.script[GetRequest] = record
    answer = await api.call("GET", f"{PATH}/{record.request_id.upper()}")
    assert (answer.status_code, answer.json()["status"]) == (200, "expired")
    assert api.asker.asked[0].request_id == record.request_id


@pytest.mark.parametrize(
    "text", ["x", "0", "..", "%00", "{0198}", "00000000-0000-0000-0000-00000000000g"]
)
async def test_an_id_that_is_none_is_an_unknown_request(api: Any, text: str) -> None:
    answer = await api.call("GET", f"{PATH}/{text}" if text != ".." else f"{PATH}/%2e%2e")
    await api.refused(404, "unknown-request", answer)


async def test_sessions_is_told_whether_calls_can_be_relayed(make_api: Any) -> None:
    api = make_api(turn_urls=("turn:turn.example:3478",), turn_secret=("secret",))
    await api.call("POST", PATH, json={})
    assert [asked.can_relay for asked in api.asker.asked] == [True]


async def test_who_wants_a_relay_only_is_told_that_there_is_none(api: Any) -> None:
    api.asker.script[OpenRequest] = Refused("relay-unavailable", "No relay is set up here.")
    answer = await api.call("POST", PATH, json={})
    await api.refused(409, "relay-unavailable", answer, asked=True)
