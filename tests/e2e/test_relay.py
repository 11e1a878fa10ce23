"""What partners say to each other, across the death of the gateway that held a socket."""

import asyncio
import time

from shared.testing import eventually
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import crowd
from tests.e2e.stack import Shape, Stacks

SIGNALS, MESSAGES = 60, 20
SHAPE = Shape(matchers=1, sessions=1, settings=(("CHATS_BURST_MAX", str(MESSAGES)),))
# A client comes back within its back-off; the last of these frames may be said later.
BACK_WITHIN_S = 5.0


async def test_a_killed_gateway_loses_no_frame_and_doubles_none(stacks: Stacks) -> None:
    stack = stacks.use(SHAPE)
    first = stack.of("gateway")[0]
    async with crowd(stack.urls) as people:
        ana = await people.arrive("Ana", speaks("is", "fo"), gateway=0)
        rani = await people.arrive("Ráni", speaks("fo", "is"), gateway=1)
        await ana.ask()
        await rani.ask()
        session_id: str = (await ana.hear("match.found"))["session_id"]
        await rani.hear("match.found")
        for person in (ana, rani):
            await person.say(type="session.join", session_id=session_id)
        for person in (ana, rani):
            await person.hear("session.connecting", where=lambda frame: frame["generation"] == 2)
        speaking = asyncio.create_task(_speak(rani, session_id))
        await ana.hear("chat", where=lambda frame: frame["id"] == "3")
        first.kill()
        killed_at = time.monotonic()
        try:
            welcome = await ana.hear("welcome")
            assert welcome.received_at - killed_at < BACK_WITHIN_S
            assert welcome["recovered"] and welcome["session"]["session_id"] == session_id
            await speaking

            async def all_heard() -> None:
                assert _heard(ana) == [str(n) for n in range(SIGNALS + MESSAGES)]

            await eventually(all_heard)
            assert len({frame.connection for frame in ana.frames if frame.type == "signal"}) == 2
            # The socket was back before the dead gateway's lifetime was over.
            assert rani.heard("peer.away") == [] and rani.heard("session.ended") == []
            await ana.say(type="session.leave", session_id=session_id)
            await rani.hear("session.ended")
        finally:
            first.start()
            stack.wait_ready()


async def _speak(person: Person, session_id: str) -> None:
    """Signals and messages by turns, each after the answer to a ping, as fast as that allows."""
    said = {"session_id": session_id}
    for n in range(SIGNALS + MESSAGES):
        if n % 4:
            candidate = {"candidate": str(n)}
            await person.say(type="signal", generation=2, candidate=candidate, **said)
        else:
            await person.say(type="chat", id=str(n // 4), text=str(n), **said)
        if n % 5 == 0:
            await person.say(type="ping", id=str(n))
            await person.hear("pong")


def _heard(person: Person) -> list[str]:
    return [
        frame["text"] if frame.type == "chat" else frame["candidate"]["candidate"]
        for frame in person.frames
        if frame.type in ("signal", "chat")
    ]
