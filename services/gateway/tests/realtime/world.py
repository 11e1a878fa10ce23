"""Gateways in this process: real sockets, real Redis; sessions and the bus are fakes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from services.gateway.api.tokens import Tokens
from services.gateway.app import Gateway
from services.gateway.config import Settings
from services.gateway.realtime.doorbell import Doorbell
from services.gateway.server import listen, server
from services.gateway.tests.realtime.lives import Life
from shared.config import Seconds
from shared.domain import UserState
from shared.errors import Refused, Unavailable
from shared.events import StateChanged
from shared.identifiers import UserId
from shared.memory import Memory
from shared.messaging import Publisher
from shared.ops import Ops
from shared.requests import GetState, GetVersions
from shared.runner import every
from shared.testing import RecordingPublisher, ScriptedAsker, eventually

# Short intervals, so that what the design promises in seconds shows in a fraction of one.
FAST: dict[str, Any] = {
    "port": 0,
    "refresh_interval_s": Seconds(0.1),
    "doorbell_block_s": Seconds(0.2),
    "hello_timeout_s": Seconds(0.3),
    "waiting_interval_s": Seconds(0.2),
    "presence_grace_s": Seconds(0.4),
    "presence_again_s": Seconds(0.2),
    "presence_sweep_interval_s": Seconds(0.05),
    "drain_s": Seconds(0.2),
}


class Sessions:
    """What sessions would answer: the present state of each user. `silent` answers nothing."""

    def __init__(self) -> None:
        self.lives: dict[UserId, Life] = {}
        self.silent = False
        self.asker = ScriptedAsker({GetState: self._state, GetVersions: self._versions})

    def register(self) -> Life:
        life = Life()
        self.lives[life.user_id] = life
        return life

    def _state(self, request: GetState) -> UserState:
        if self.silent:
            raise Unavailable("sessions")
        if request.user_id not in self.lives:
            raise Refused("unknown-user", "No such user.")
        return self.lives[request.user_id].state

    def _versions(self, request: GetVersions) -> dict[UserId, int]:
        if self.silent:
            raise Unavailable("sessions")
        lives = (self.lives.get(user_id) for user_id in request.user_ids)
        return {life.user_id: life.state.version for life in lives if life is not None}


class Running(Struct, frozen=True):
    """A gateway that serves. `hear` is what its inbox does with `state.changed`."""

    gateway: Gateway
    settings: Settings
    memory: Memory
    url: str

    async def hear(self, *states: UserState) -> None:
        await self.gateway.handlers[StateChanged](StateChanged(correlation_id="c", states=states))


class World:
    def __init__(self, redis_url: str, stack: AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        self.redis_url = redis_url
        self.sessions = Sessions()
        self.publisher = RecordingPublisher()
        self.bus: Publisher = self.publisher
        self._stack = stack
        self._tasks = tasks
        self._loops: list[asyncio.Task[None]] = []
        self._count = 0

    def settings(self, **changes: Any) -> Settings:
        return Settings(redis_url=self.redis_url, **(FAST | changes))

    async def gateway(self, *, tending: bool = True, **changes: Any) -> Running:
        """Without `tending` only the doorbell rings; nothing is refreshed, nobody swept."""
        settings = self.settings(**changes)
        self._count += 1
        name = f"gateway-{self._count}"
        memory = Memory.open(settings.redis_url, settings.redis_timeout_s, 16)
        bells = Memory.open(settings.redis_url, Seconds(3), 2)
        for one in (memory, bells):
            self._stack.push_async_callback(one.close)
        gateway = Gateway(settings, name, memory, self.sessions.asker, self.bus, Ops())
        doorbell = Doorbell(bells, name, settings)
        await doorbell.keep(memory)
        self._loop(doorbell.listen(gateway.refresh.rung, gateway.relay.wake))
        if tending:
            for interval_s, step in (
                (settings.refresh_every_s, lambda: doorbell.keep(memory)),
                (settings.refresh_every_s, gateway.refresh.keep_cards),
                (settings.refresh_every_s, gateway.refresh.load_what_lags),
                (settings.presence_sweep_interval_s, gateway.announce),
            ):
                self._loop(every(interval_s, step, pause_max_s=interval_s))
        self._stack.push_async_callback(self._stop_loops)
        url = await self._serve(gateway, settings)
        return Running(gateway, settings, memory, url)

    async def _serve(self, gateway: Gateway, settings: Settings) -> str:
        listening = listen(settings)
        serving = server(gateway.application(), settings)
        served = self._tasks.create_task(serving.serve([listening]))

        async def stop() -> None:
            serving.should_exit = True
            await asyncio.wait([served])

        self._stack.push_async_callback(stop)
        host, port = listening.getsockname()

        async def started() -> None:
            assert serving.started

        await eventually(started)
        return f"ws://{host}:{port}/api/v1/ws"

    def _loop(self, loop: Awaitable[None]) -> None:
        async def run() -> None:
            await loop

        self._loops.append(self._tasks.create_task(run()))

    async def _stop_loops(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.wait(self._loops)

    def token(self, user_id: UserId) -> str:
        return Tokens(self.settings()).issue_access(user_id)

    @asynccontextmanager
    async def socket(self, running: Running, **options: Any) -> AsyncIterator["Socket"]:
        """An open socket that has not said hello."""
        named = {"subprotocols": [Subprotocol("parley.v1")], "compression": None, "proxy": None}
        async with connect(running.url, close_timeout=1, **(named | options)) as connection:
            yield Socket(connection)

    @asynccontextmanager
    async def person(self, running: Running, life: Life, **options: Any) -> AsyncIterator["Socket"]:
        """A socket that was welcomed."""
        async with self.socket(running, **options) as opened:
            await opened.say(type="hello", token=self.token(life.user_id))
            await opened.hear("welcome")
            yield opened


class Socket:
    """A client. `hear` takes the next frame, which must be of the expected type."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **frame: Any) -> None:
        await self.connection.send(msgspec.json.encode(frame).decode())

    async def next(self, deadline_s: float = 3.0) -> dict[str, Any]:
        async with asyncio.timeout(deadline_s):
            return msgspec.json.decode(await self.connection.recv(), type=dict[str, Any])

    async def hear(self, kind: str, deadline_s: float = 3.0) -> dict[str, Any]:
        frame = await self.next(deadline_s)
        assert frame["type"] == kind, frame
        return frame

    async def heard(self, kind: str) -> dict[str, Any]:
        """The next frame of this type; a fresh welcome or `match.waiting` may come before it."""
        while (frame := await self.next())["type"] != kind:
            assert frame["type"] in ("welcome", "match.waiting"), frame
        return frame

    async def closed(self, deadline_s: float = 3.0) -> tuple[int, list[dict[str, Any]]]:
        """The close code, and what was said before it."""
        said: list[dict[str, Any]] = []
        try:
            while True:
                said.append(await self.next(deadline_s))
        except ConnectionClosed as closed:
            return (closed.rcvd.code if closed.rcvd else 1006), said

    async def silent(self) -> None:
        """A ping is answered, and nothing was said before."""
        await self.say(type="ping", id="silence")
        assert await self.hear("pong") == {"type": "pong", "id": "silence"}


@asynccontextmanager
async def world(redis_url: str) -> AsyncIterator[World]:
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        yield World(redis_url, stack, tasks)
