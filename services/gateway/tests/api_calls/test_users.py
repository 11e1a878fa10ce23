from typing import Any

from msgspec import UNSET

from shared.domain import Level, Practice
from shared.errors import Refused, Unavailable
from shared.identifiers import TokenId, new_id
from shared.requests import (
    ChangeProfile,
    Done,
    EraseUser,
    GetProfile,
    RegisterUser,
    RotateToken,
)

ANA: dict[str, Any] = {
    "display_name": " Ana ",
    "native_languages": ["es"],
    "practice_languages": [{"language": "en", "level": "B1"}],
    "interests": ["Film"],
    "relay_only": False,
}


async def test_registering_answers_with_the_profile_and_tokens_that_work(api: Any) -> None:
    answer = await api.client.post("/api/v1/users", json=ANA)
    assert answer.status_code == 201
    body = answer.json()
    assert body["user"]["display_name"] == "Ana"
    assert body["user"]["interests"] == ["film"]
    assert body["user"]["created_at"] == "2026-11-22T12:00:00Z"
    assert body["expires_in"] == 900
    [asked] = api.asker.asked
    assert isinstance(asked, RegisterUser)
    assert asked.token_expires_in_s == 30 * 24 * 3600
    assert api.tokens.read_access(body["access_token"]) == body["user"]["id"] == asked.user_id
    assert api.tokens.read_refresh(body["refresh_token"]) == (asked.user_id, asked.token_id)


async def test_registering_needs_only_a_name_and_languages(api: Any) -> None:
    least = {name: ANA[name] for name in ("display_name", "native_languages", "practice_languages")}
    assert (await api.client.post("/api/v1/users", json=least)).status_code == 201


async def test_a_user_reads_the_own_profile(api: Any, a_profile: Any) -> None:
    api.asker.script[GetProfile] = a_profile(api.user_id)
    answer = await api.call("GET", "/users/me")
    assert answer.status_code == 200
    assert answer.json()["id"] == api.user_id
    assert api.presence.renewed == [api.user_id]


async def test_only_what_is_given_changes_and_the_card_is_told(api: Any, a_state: Any) -> None:
    api.asker.script[ChangeProfile] = a_state(api.user_id)
    change = {"practice_languages": [{"language": "pt-br", "level": "A1"}]}
    answer = await api.call("PATCH", "/users/me", json=change)
    assert answer.status_code == 200
    assert answer.json()["id"] == api.user_id
    [asked] = api.asker.asked
    assert asked.practice_languages == (Practice("pt-BR", Level.A1),)
    assert asked.display_name is UNSET and asked.native_languages is UNSET
    assert api.cards.told == [a_state(api.user_id)]


async def test_erasing_oneself_is_told_to_the_card(api: Any, a_state: Any) -> None:
    api.asker.script[EraseUser] = a_state(api.user_id)
    answer = await api.call("DELETE", "/users/me")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.cards.told == [a_state(api.user_id)]


async def test_an_erased_user_is_unknown(api: Any) -> None:
    api.asker.script[GetProfile] = Refused("unknown-user", "No such user.")
    await api.refused(404, "unknown-user", await api.call("GET", "/users/me"), asked=True)


async def test_a_refresh_token_is_exchanged_for_fresh_ones(api: Any) -> None:
    api.asker.script[RotateToken] = Done()
    token_id = TokenId(new_id())
    old = api.tokens.issue_refresh(api.user_id, token_id)
    answer = await api.client.post("/api/v1/tokens", json={"refresh_token": old})
    assert answer.status_code == 200
    body = answer.json()
    [asked] = api.asker.asked
    assert asked.token_id == token_id
    assert api.tokens.read_refresh(body["refresh_token"]) == (api.user_id, asked.successor_id)
    assert api.tokens.read_access(body["access_token"]) == api.user_id


async def test_a_revoked_refresh_token_is_401(api: Any) -> None:
    api.asker.script[RotateToken] = Refused("token-revoked", "Sign in again.")
    old = api.tokens.issue_refresh(api.user_id, TokenId(new_id()))
    answer = await api.client.post("/api/v1/tokens", json={"refresh_token": old})
    await api.refused(401, "token-revoked", answer, asked=True)
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_an_access_token_is_no_refresh_token(api: Any) -> None:
    token = api.tokens.issue_access(api.user_id)
    answer = await api.client.post("/api/v1/tokens", json={"refresh_token": token})
    await api.refused(401, "invalid-token", answer)


async def test_nobody_answering_is_503_with_a_time_to_come_back(api: Any) -> None:
    api.asker.script[RegisterUser] = Unavailable("sessions", retry_after_s=2.5)
    answer = await api.client.post("/api/v1/users", json=ANA)
    await api.refused(503, "unavailable", answer, asked=True)
    assert answer.headers["retry-after"] == "3"
    assert "sessions" not in answer.text


async def test_relays_are_not_promised_where_there_are_none(make_api: Any, a_state: Any) -> None:
    api = make_api()
    answer = await api.client.post("/api/v1/users", json=ANA | {"relay_only": True})
    document = await api.refused(409, "relay-unavailable", answer)
    assert "address" in document["detail"]
    answer = await api.call("PATCH", "/users/me", json={"relay_only": True, "display_name": "Bo"})
    await api.refused(409, "relay-unavailable", answer)
    api.asker.script[ChangeProfile] = a_state(api.user_id)
    assert (await api.call("PATCH", "/users/me", json={"relay_only": False})).status_code == 200


async def test_with_a_relay_it_can_be_the_only_way(make_api: Any, a_state: Any) -> None:
    api = make_api(turn_urls=("turn:turn.example:3478",), turn_secret=("secret",))
    answer = await api.client.post("/api/v1/users", json=ANA | {"relay_only": True})
    assert (answer.status_code, answer.json()["user"]["relay_only"]) == (201, True)
    api.asker.script[ChangeProfile] = a_state(api.user_id)
    assert (await api.call("PATCH", "/users/me", json={"relay_only": True})).status_code == 200
    assert [asked.relay_only for asked in api.asker.asked] == [True, True]
