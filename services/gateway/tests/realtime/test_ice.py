"""Which servers a browser may use: credentials that relays accept, good for a while."""

import subprocess
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.gateway.api.settings import ApiSettings
from services.gateway.realtime.ice import configuration, credentials
from services.gateway.realtime.protocol import IceServer, IceTransportPolicy
from services.gateway.tests.realtime.lives import NOON, Life
from services.gateway.tests.realtime.world import World
from shared.config import Seconds
from shared.domain import UserState
from shared.identifiers import UserId

ANA = UserId("01935000-0000-7000-8000-00000000000a")
TURN: dict[str, Any] = {"turn_urls": ("turn:turn.example:3478",), "turn_secret": ("north",)}
STUN: dict[str, Any] = {"stun_urls": ("stun:stun.example:3478",)}


def talk(*, relay_only: bool = False) -> UserState:
    life = Life(ANA)
    life.ask()
    state = life.match()
    session = msgspec.structs.replace(life.live(), relay_only=relay_only)
    return msgspec.structs.replace(state, session=session)


def test_credentials_are_the_hmac_that_openssl_makes() -> None:
    username, credential = credentials("north", ANA, 1795352400)
    assert username == f"1795352400:{ANA}"
    command = ["openssl", "dgst", "-sha1", "-hmac", "north", "-binary"]
    made = subprocess.run(command, input=username.encode(), capture_output=True, check=True)
    assert credential == b64encode(made.stdout).decode()


def test_credentials_look_as_they_always_did() -> None:
    assert credentials("north", ANA, 1795352400)[1] == "dWzTUDv2DbtjbxonpsvYAkvegSM="


def test_they_expire_after_their_lifetime_by_name_and_by_date() -> None:
    ice = configuration(ApiSettings(**TURN, turn_lifetime_s=Seconds(600)), talk(), NOON)
    [server] = ice.ice_servers
    assert ice.expires_at == NOON + timedelta(minutes=10)
    assert server.urls == ("turn:turn.example:3478",)
    assert server.username == f"{int(ice.expires_at.timestamp())}:{ANA}"


def test_they_change_with_the_second_and_with_the_user() -> None:
    def server(user_id: UserId, now: datetime) -> IceServer:
        state = Life(user_id).state
        return configuration(ApiSettings(**TURN), state, now).ice_servers[0]

    ben = UserId("01935000-0000-7000-8000-00000000000b")
    made = [server(ANA, NOON), server(ANA, NOON + timedelta(seconds=1)), server(ben, NOON)]
    assert len({one.username for one in made}) == len({one.credential for one in made}) == 3


def test_while_the_secret_is_changed_both_are_offered_the_new_one_first() -> None:
    settings = ApiSettings(**(TURN | {"turn_secret": ("new", "old")}))
    first, second = configuration(settings, talk(), NOON).ice_servers
    assert (first.urls, first.username) == (second.urls, second.username)
    expires_s = int(NOON.timestamp()) + 3600
    assert first.credential == credentials("new", ANA, expires_s)[1]
    assert second.credential == credentials("old", ANA, expires_s)[1]


def test_without_relays_there_is_nothing_to_expire() -> None:
    ice = configuration(ApiSettings(**STUN), talk(), NOON)
    assert ice.ice_servers == (IceServer(("stun:stun.example:3478",)),)
    assert ice.expires_at is None and ice.ice_transport_policy is IceTransportPolicy.ALL


def test_who_shows_no_address_is_given_relays_alone() -> None:
    ice = configuration(ApiSettings(**STUN, **TURN), talk(relay_only=True), NOON)
    assert [one.urls for one in ice.ice_servers] == [("turn:turn.example:3478",)]
    assert ice.ice_transport_policy is IceTransportPolicy.RELAY
    without = configuration(ApiSettings(**STUN), talk(relay_only=True), NOON)
    assert without.ice_servers == () and without.ice_transport_policy is IceTransportPolicy.RELAY


async def test_a_match_comes_with_servers_and_they_can_be_had_afresh(world: World) -> None:
    life, running = world.sessions.register(), await world.gateway(**STUN, **TURN)
    life.ask()
    async with world.person(running, life) as socket:
        await running.hear(life.match())
        found = (await socket.heard("match.found"))["ice"]
        assert [one["urls"] for one in found["ice_servers"]] == [
            ["stun:stun.example:3478"],
            ["turn:turn.example:3478"],
        ]
        assert found["ice_transport_policy"] == "all"
        await socket.say(type="ice.refresh", session_id="s2", id="i")
        answer = await socket.hear("ice")
        assert (answer["session_id"], answer["id"]) == ("s2", "i")
        assert answer["ice"].keys() == found.keys()
        expires_at = datetime.fromisoformat(answer["ice"]["expires_at"])
        assert abs(expires_at - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=10)
        await socket.say(type="hello")
        assert (await socket.hear("welcome"))["session"]["ice"].keys() == found.keys()


@pytest.mark.parametrize("session_id", ["s2", "s9", ""])
async def test_nobody_gets_relays_without_a_session_of_ones_own(
    world: World, session_id: str
) -> None:
    running = await world.gateway(**TURN)
    async with world.person(running, world.sessions.register()) as socket:
        await socket.say(type="ice.refresh", session_id=session_id, id="i")
        error = await socket.hear("error")
        assert (error["code"], error["id"]) == ("unknown-session", "i")
