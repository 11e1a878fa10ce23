"""Partners who never come, and partners whom somebody does not want."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.browsers import Browsers
from tests.e2e.client import Person, speaks
from tests.e2e.conftest import JOIN_TIMEOUT_S
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Stack

SINCE = "SELECT since FROM match_requests WHERE user_id = $1::uuid AND status = 'pending'"


@pytest_asyncio.fixture
async def people(web: Stack) -> AsyncIterator[Crowd]:
    async with crowd(web.urls) as people:
        yield people


async def meet(ana: Person, ben: Person) -> str:
    """They ask and are paired: the session's id."""
    await ana.ask()
    await ben.ask()
    session_id = (await ana.hear("match.found"))["session_id"]
    assert (await ben.hear("match.found"))["session_id"] == session_id
    return str(session_id)


async def test_who_waited_for_a_partner_that_never_came_meets_the_next_and_not_the_same(
    web: Stack, browsers: Browsers, people: Crowd
) -> None:
    ana = await browsers.visit(web.urls[0])
    await ana.sign_up("Ana", native="Icelandic", practises="Faroese")
    rani = await people.arrive("Ráni", speaks("fo", "is"), gateway=1)
    await ana.find_partner()
    await ana.at("waiting")
    since = await web.stores.value(SINCE, ana.id)
    await rani.ask()
    await rani.hear("match.found")
    found = await ana.hear("match.found")

    ended = await ana.hear("session.ended", deadline_s=JOIN_TIMEOUT_S + 10)
    assert ended.received_at - found.received_at <= JOIN_TIMEOUT_S + 1
    assert (ended.body["reason"], ended.body["by_you"]) == ("abandoned", False)
    await ana.at("requeued")
    assert await web.stores.value(SINCE, ana.id) == since
    missed = await rani.hear("session.ended")
    assert (missed["reason"], missed["by_you"]) == ("abandoned", True)
    assert missed["requeued_as"] is None

    await rani.ask()  # Waits longer than whoever comes now, and fits as well.
    eva = await people.arrive("Eva", speaks("fo", "is"), gateway=1)
    await eva.ask()
    assert (await eva.hear("match.found"))["partner"]["id"] == ana.id
    await ana.at("found")
    assert ana.heard("match.found")[-1].body["partner"]["id"] == eva.id
    assert len(rani.heard("match.found")) == 1


@pytest.mark.parametrize("who", ["who waits longer", "who waits less long"])
async def test_a_block_while_both_wait_keeps_them_apart_for_ever(people: Crowd, who: str) -> None:
    """Beginners and masters are no good pair: they wait for a better one before they are taken."""
    ana = await people.arrive("Ana", speaks("is", "fo", "A1"), gateway=0)
    rani = await people.arrive("Ráni", speaks("fo", "is", "C2"), gateway=1)
    await ana.ask()
    await rani.ask()
    blocking, blocked = (ana, rani) if who == "who waits longer" else (rani, ana)
    answer = await blocking.call("PUT", f"/blocks/{blocked.id}")
    assert answer.status_code in (200, 201, 204), answer.text
    assert ana.heard("match.found") == [], "paired too early: this shows nothing"

    # Two just like them, who come later, are taken: these two would have been before them.
    eva = await people.arrive("Eva", speaks("eo", "ia", "A1"), gateway=0)
    isa = await people.arrive("Isa", speaks("ia", "eo", "C2"), gateway=1)
    await meet(eva, isa)
    # And each is free for anybody else.
    ben = await people.arrive("Ben", speaks("fo", "is", "A1"))
    await ben.ask()
    assert (await ana.hear("match.found"))["partner"]["id"] == ben.id
    assert rani.heard("match.found") == []
