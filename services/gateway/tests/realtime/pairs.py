"""Two lives with one session between them, and what is left of it in Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from services.gateway.tests.realtime.lives import Life
from services.gateway.tests.realtime.world import Running, Socket, World
from shared.domain import UserState
from shared.identifiers import SessionId, new_id
from shared.memory import Memory, command

Both = tuple[UserState, UserState]


class Pair:
    """Ana and Ben. Each step is what sessions would tell of both, to be told by a gateway."""

    def __init__(self, ana: Life, ben: Life) -> None:
        self.ana = ana
        self.ben = ben
        self.session_id = SessionId("")

    def match(self) -> Both:
        self.session_id = SessionId(new_id())
        for one, other in ((self.ana, self.ben), (self.ben, self.ana)):
            one.ask()
            one.match()
            live = one.live()
            partner = msgspec.structs.replace(live.partner, id=other.user_id)
            session = msgspec.structs.replace(live, session_id=self.session_id, partner=partner)
            one.state = msgspec.structs.replace(one.state, session=session)
        return self.states

    def meet(self) -> Both:
        """Matched, and both have joined: generation 2."""
        self.match()
        for life in (self.ana, self.ben):
            life.join(), life.join()
        return self.states

    def join_again(self) -> Both:
        self.ana.join_again(), self.ben.join_again()
        return self.states

    def hang_up(self) -> Both:
        self.ana.hang_up(), self.ben.hang_up()
        return self.states

    @property
    def states(self) -> Both:
        return self.ana.state, self.ben.state

    def signal(self, generation: int = 2, **changes: Any) -> dict[str, Any]:
        frame = {"type": "signal", "session_id": self.session_id, "generation": generation}
        return frame | (changes or {"candidate": {"candidate": "c"}})

    def chat(self, id: str, text: str = "hola") -> dict[str, Any]:
        return {"type": "chat", "session_id": self.session_id, "id": id, "text": text}


def pair(world: World) -> Pair:
    return Pair(world.sessions.register(), world.sessions.register())


async def met(world: World, running: Running) -> Pair:
    """A pair that has joined, and whose cards say so."""
    two = pair(world)
    await running.hear(*two.meet())
    return two


@asynccontextmanager
async def talking(
    world: World, two: Pair, here: Running, there: Running
) -> AsyncIterator[tuple[Socket, Socket]]:
    """Both at their sockets, Ana first: she sees Ben come."""
    async with world.person(here, two.ana) as ana, world.person(there, two.ben) as ben:
        await ana.hear("peer.back")
        yield ana, ben


async def kept(memory: Memory, session_id: SessionId) -> dict[str, int]:
    """The keys that stand in Redis for this session, with the lengths of its streams."""
    [keys] = await memory.run([command("KEYS", f"gateway:{{{session_id}}}:*")])
    names = sorted(key.decode() for key in keys)
    streams = [name for name in names if ":relay:" in name]
    lengths = await memory.run([command("XLEN", name) for name in streams])
    return dict.fromkeys(names, 0) | dict(zip(streams, lengths, strict=True))


async def relayed(socket: Socket, count: int) -> list[dict[str, Any]]:
    """The next signals and messages; other frames that come between are left out."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = await socket.next()
        if frame["type"] in ("signal", "chat"):
            found.append(frame)
    return found
