"""The running gateway keeps its contract, whatever is thrown at it, and the events keep theirs."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.checking import amqp
from tests.e2e import witness
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Shape, Stacks

# Nobody is throttled who asks some thousand things at once.
UNLIMITED = tuple(
    (f"LIMIT_{of}_PER_MINUTE", "1000000") for of in ("REGISTRATIONS", "ADDRESS", "USER")
)
EXAMPLES = os.environ.get("PARLEY_CONTRACT_EXAMPLES", "6")
"""For each call; many more by hand, now and then."""

# Only said when something breaks, or somebody is gone too long.
UNUSUAL = {"participant.failed", "pool.lost", "user.offline"}


@pytest.mark.timeout(1800)
def test_the_api_does_what_its_contract_says(stacks: Stacks, tmp_path: Path) -> None:
    """schemathesis: all its checks, good and bad calls, no call left out."""
    stack = stacks.use(Shape(gateways=1, matchers=1, sessions=1, settings=UNLIMITED))
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{stack.urls[0]}/openapi.json"]
    options = ["--max-examples", EXAMPLES, "--no-color", "--generation-database", "none"]
    environment = os.environ | {
        "PARLEY_URL": stack.urls[0],
        "SCHEMATHESIS_HOOKS": "tests.e2e.newcomer",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [*command, *options],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


async def test_every_event_of_a_life_is_heard_and_in_the_contract(stacks: Stacks) -> None:
    with stacks.alone(Shape(gateways=1, matchers=1, sessions=1)) as stack:
        async with crowd(stack.urls) as people:
            ana = await people.arrive("Ana", speaks("es", "en"))
            ben = await people.arrive("Ben", speaks("en", "es"))
            await talk(ana, ben, people)
            cid = await people.arrive("Cid", speaks("fr", "de"))
            await cid.ask()
            await cid.cancel()
        stack.kill()
        async with stack.stores.channel() as channel:
            heard = await witness.testify(channel)
    published = {
        name.removeprefix("publish.")
        for name in amqp().content["operations"]
        if name.startswith("publish.")
    }
    assert published - UNUSUAL <= heard.keys() <= published


async def talk(ana: Person, ben: Person, people: Crowd) -> None:
    """Ben declines once, then the two talk, and Ana has had enough."""
    for attempt in ("session.decline", "session.join"):
        await asyncio.gather(ana.ask(), ben.ask())
        [session, _] = [(await one.hear("match.found"))["session_id"] for one in (ana, ben)]
        await ben.say(type=attempt, session_id=session)
        if attempt == "session.decline":
            await ana.hear("match.requeued")
            await ana.cancel()
    await ana.say(type="session.join", session_id=session)
    for person in (ana, ben):
        await person.say(type="session.connected", session_id=session)
    for person in (ana, ben):
        await person.hear("session.active")
    await ana.say(type="session.leave", session_id=session)
    await ana.hear("session.ended")
    await ana.call("POST", f"/sessions/{session}/feedback", {"rating": 2})
    await ana.call("POST", "/reports", {"session_id": session, "reason": "spam"})
    await ana.call("PUT", f"/blocks/{ben.id}")
