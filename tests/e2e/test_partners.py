"""Partners who never come, and partners whom somebody does not want."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.client import Person, speaks
from tests.e2e.conftest import JOIN_TIMEOUT_S
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Stack

SINCE = "SELECT since FROM match_requests WHERE id = $1::uuid"


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
    web: Stack, people: Crowd
) -> None:
    ana = await people.arrive("Ana", speaks("is", "fo"), gateway=0)
    rani = await people.arrive("Ráni", speaks("fo", "is"), gateway=1)
    request_of_ana = await ana.ask()
    since = await web.stores.value(SINCE, request_of_ana)
    await rani.ask()
    found = await ana.hear("match.found")
    await ana.say(type="session.join", session_id=found["session_id"])

    ended = await ana.hear("session.ended", deadline_s=JOIN_TIMEOUT_S + 3)
    assert ended.received_at - found.received_at <= JOIN_TIMEOUT_S + 1
    assert (ended["reason"], ended["by_you"]) == ("abandoned", False)
    requeued = await ana.hear("match.requeued")
    assert requeued["request_id"] == ended["requeued_as"]
    assert await web.stores.value(SINCE, requeued["request_id"]) == since

    missed = await rani.hear("session.ended")
    assert (missed["reason"], missed["by_you"]) == ("abandoned", True)
    assert missed["requeued_as"] is None
    await rani.ask()  # Waits longer than whoever comes now, and fits as well.
    eva = await people.arrive("Eva", speaks("fo", "is"), gateway=1)
    await eva.ask()
    again = await ana.hear("match.found")
    assert again["partner"]["id"] == eva.id
    assert (await eva.hear("match.found"))["session_id"] == again["session_id"]
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
