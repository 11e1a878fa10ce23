"""Calls through a relay alone: a real coturn, its time-limited credentials, two Chromiums."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.e2e.browsers import Browsers
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import crowd
from tests.e2e.stack import Stack
from tests.e2e.turn import Turn, credential
from tests.e2e.visitor import Visitor

# Two browsers and a stack on a busy machine: several times what they take on an idle one.
pytestmark = pytest.mark.timeout(400)

HIDE = "Do not show my network address to partners"


async def routes(visitor: Visitor) -> list[tuple[str, str]]:
    """The types of both ends of every pair of addresses that carries the call."""
    reports = {one["id"]: one for one in await visitor.every_statistic()}
    pairs = [one for one in reports.values() if one["type"] == "candidate-pair"]
    return [
        (
            reports[pair["localCandidateId"]]["candidateType"],
            reports[pair["remoteCandidateId"]]["candidateType"],
        )
        for pair in pairs
        if pair.get("nominated") and pair["state"] == "succeeded"
    ]


async def test_who_hides_their_address_talks_through_the_relay_alone_and_both_hear(
    web: Stack, browsers: Browsers
) -> None:
    ana, ben = await asyncio.gather(*(browsers.visit(url) for url in web.urls))
    await ana.page.get_by_label(HIDE).check()
    await asyncio.gather(
        ana.sign_up("Ana", native="Spanish", practises="English"),
        ben.sign_up("Ben", native="English", practises="Spanish"),
    )
    await asyncio.gather(ana.find_partner(), ben.find_partner())
    await asyncio.gather(ana.at("call"), ben.at("call"))
    await asyncio.gather(ana.hears(), ben.hears())
    for visitor in (ana, ben):
        used = await routes(visitor)
        assert used and all("relay" in pair for pair in used), used
    local = {one["candidateType"] for one in await ana.statistics("local-candidate")}
    assert local == {"relay"}, "her own addresses were never gathered"


def relay_of(servers: Sequence[dict[str, Any]], turn: Turn) -> tuple[str, str]:
    """The credentials that came with the relay's address."""
    [server] = [one for one in servers if turn.url in one["urls"]]
    return server["username"], server["credential"]


async def two_matched(ana: Person, ben: Person) -> dict[str, Any]:
    await ana.ask()
    await ben.ask()
    return (await ana.hear("match.found")).body


async def test_the_relay_takes_the_credentials_of_a_match_and_of_a_refresh_and_no_expired_ones(
    web: Stack, turn: Turn
) -> None:
    async with crowd(web.urls) as people:
        ana = await people.arrive("Ana", speaks("is", "fo"))
        ben = await people.arrive("Ben", speaks("fo", "is"))
        found = await two_matched(ana, ben)
        username, password = relay_of(found["ice"]["ice_servers"], turn)
        assert await turn.refusal(username, password) is None
        assert await turn.refusal(username, credential("somebody else")) == 401
        expires_at, _, user = username.partition(":")
        assert user == ana.id
        assert int(expires_at) - time.time() > 1800, "an hour, as the settings say"

        await ana.say(type="ice.refresh", session_id=found["session_id"], id="again")
        fresh = (await ana.hear("ice"))["ice"]
        assert await turn.refusal(*relay_of(fresh["ice_servers"], turn)) is None

    past = f"{int(time.time()) - 1}:{ana.id}"
    assert await turn.refusal(past, credential(past)) == 401
