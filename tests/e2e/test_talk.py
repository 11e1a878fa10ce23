"""A talk through the gateway: both come, take turns and hang up, or somebody does not."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.testing import eventually
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Shape, Stack, Stacks
from tests.e2e.stores import Stores

JOIN_TIMEOUT_S = 3.0
QUICK = Shape(
    settings=(
        ("SESSION_JOIN_TIMEOUT", f"{JOIN_TIMEOUT_S}s"),
        ("SESSION_TURN", "1500ms"),
        ("SESSION_MAXIMUM", "4s"),
        ("SESSION_MINIMUM", "2s"),
    )
)
CALM = "SELECT count(*) FROM pulses WHERE sent_at < now() - interval '11 s'"
SESSION = """
SELECT status, reason, completed_minimum,
       floor(extract(epoch FROM ended_at - active_at))::integer AS duration_s
FROM chat_sessions WHERE id = $1
"""
SECONDS = "SELECT sum(practised_s) FROM participants WHERE session_id = $1"


@pytest.fixture
def quick(stacks: Stacks) -> Stack:
    """Two replicas of each service, with little patience."""
    return stacks.use(QUICK)


@pytest_asyncio.fixture
async def people(quick: Stack) -> AsyncIterator[Crowd]:
    """No deadline is held any more: the stack has been up for a while."""
    await eventually(lambda: _calm(quick.stores), deadline_s=30)
    async with crowd(quick.urls) as people:
        yield people


async def _calm(stores: Stores) -> None:
    assert await stores.value(CALM) > 0


async def matched(people: Crowd) -> tuple[Person, Person, str]:
    """Two on different gateways, told of each other; their session."""
    ana = await people.arrive("Ana", speaks("is", "fo"), gateway=0)
    rani = await people.arrive("Ráni", speaks("fo", "is"), gateway=1)
    await ana.ask()
    await rani.ask()
    found = await ana.hear("match.found")
    await rani.hear("match.found")
    return ana, rani, found["session_id"]


async def say(kind: str, session_id: str, *people: Person) -> None:
    for person in people:
        await person.say(type=kind, session_id=session_id)


async def talking(people: Crowd) -> tuple[Person, Person, str]:
    """Two who hear each other."""
    ana, rani, session_id = await matched(people)
    await say("session.join", session_id, ana, rani)
    for person in (ana, rani):
        connecting = await person.hear(
            "session.connecting", where=lambda frame: frame["generation"] == 2
        )
        assert connecting["session_id"] == session_id
    await say("session.connected", session_id, ana, rani)
    return ana, rani, session_id


async def test_two_talk_in_both_languages_until_one_hangs_up(people: Crowd, quick: Stack) -> None:
    ana, rani, session_id = await talking(people)
    languages = []
    for person in (ana, rani):
        active = await person.hear("session.active")
        turned = await person.hear("session.turn")
        languages.append((active["turn"]["language"], turned["turn"]["language"]))
        assert (active["turn"]["number"], turned["turn"]["number"]) == (0, 1)
    assert languages[0] == languages[1]
    assert set(languages[0]) == {"is", "fo"}
    await say("session.leave", session_id, rani)
    for person in (ana, rani):
        ended = await person.hear("session.ended")
        assert (ended["reason"], ended["by_you"]) == ("left", person is rani)
        assert ended["practised_s"] + ended["partner_practised_s"] == ended["duration_s"]
    (row,) = await quick.stores.query(SESSION, session_id)
    assert (row["status"], row["reason"]) == ("ended", "left")
    assert row["duration_s"] == await quick.stores.value(SECONDS, session_id)


async def test_a_talk_ends_at_its_maximum(people: Crowd) -> None:
    ana, rani, _ = await talking(people)
    for person in (ana, rani):
        active = await person.hear("session.active")
        ended = await person.hear("session.ended")
        assert (ended["reason"], ended["by_you"], ended["requeued_as"]) == ("maximum", False, None)
        assert ended["completed_minimum"]
        assert 3.5 < ended.received_at - active.received_at < 5.5


async def test_a_partner_who_never_joins_is_not_met_again(people: Crowd) -> None:
    ana, rani, session_id = await matched(people)
    found = ana.heard("match.found")[0]
    await say("session.join", session_id, ana)
    ended = await ana.hear("session.ended")
    assert ended.received_at - found.received_at < JOIN_TIMEOUT_S + 1
    assert (ended["reason"], ended["by_you"]) == ("abandoned", False)
    requeued = await ana.hear("match.requeued")
    assert requeued["request_id"] == ended["requeued_as"]
    other = await rani.hear("session.ended")
    assert (other["reason"], other["by_you"], other["requeued_as"]) == ("abandoned", True, None)

    await rani.ask()
    finn = await people.arrive("Finnur", speaks("fo", "is"), gateway=1)
    began = time.monotonic()
    await finn.ask()
    found = await ana.hear("match.found")
    assert found["partner"]["id"] == finn.id
    assert found.received_at - began < 5
    assert rani.heard("match.found")[1:] == []


async def test_a_requeued_user_waits_since_the_beginning(people: Crowd, quick: Stack) -> None:
    ana, rani, session_id = await matched(people)
    await say("session.join", session_id, ana)
    await say("session.decline", session_id, rani)
    assert (await rani.hear("session.ended"))["by_you"]
    assert (await ana.hear("session.ended"))["reason"] == "declined"
    await ana.hear("match.requeued")
    rows = await quick.stores.query(
        "SELECT since FROM match_requests WHERE user_id = $1 GROUP BY since", ana.id
    )
    assert len(rows) == 1


async def test_a_block_ends_the_talk_at_once_and_names_nobody(people: Crowd) -> None:
    ana, rani, _ = await talking(people)
    await rani.hear("session.active")
    answer = await ana.call("PUT", f"/blocks/{rani.id}")
    assert answer.status_code == 204, answer.text
    for person in (ana, rani):
        ended = await person.hear("session.ended", deadline_s=1)
        assert (ended["reason"], ended["by_you"], ended["requeued_as"]) == ("blocked", False, None)


async def test_who_is_no_participant_changes_nothing(people: Crowd, quick: Stack) -> None:
    ana, rani, session_id = await matched(people)
    eve = await people.arrive("Eve", speaks("is", "fo"))
    for kind in ("session.join", "session.connected", "session.decline", "session.leave"):
        await say(kind, session_id, eve)
        assert (await eve.hear("error"))["code"] == "unknown-session"
    status = "SELECT status FROM chat_sessions WHERE id = $1"
    assert await quick.stores.value(status, session_id) == "waiting"
    await say("session.join", session_id, ana, rani)
    await ana.hear("session.connecting", where=lambda frame: frame["generation"] == 2)
