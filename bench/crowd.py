"""Many registered and connected users, each with the moments at which it heard what matters.

Moments are `time.monotonic()`: uvloop's own clock ticks in whole milliseconds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import combinations
from typing import Any

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.http import Http

TOGETHER = 24
"""Registrations and handshakes in flight: enough to keep the stack busy while nobody measures."""
LANGUAGES = 48
"""48 languages make 1,128 pairs of languages: enough for every pair of people to have its own."""


class Heard(Struct):
    """The part of a frame that is read; the rest is skipped undecoded."""

    type: str
    session_id: str = ""


_frames = msgspec.json.Decoder(Heard)


class User:
    """One user. `found` is done at `match.found`: (when it came, session id)."""

    def __init__(self, http: Http, native: str, practice: str) -> None:
        self.http = http
        self.native = native
        self.practice = practice
        self.token = ""
        self.refused = 0
        self.found: asyncio.Future[tuple[float, str]]
        self._socket: ClientConnection

    async def register(self) -> None:
        body = {
            "display_name": f"Load {self.native}",
            "native_languages": [self.native],
            "practice_languages": [{"language": self.practice, "level": "B1"}],
        }
        answer = await self.http.call("POST", "/users", body)
        if answer.status != 201:
            raise SystemExit(f"registering failed: {answer.status} {answer.body.decode()}")
        self.token = answer.json()["access_token"]

    async def connect(self) -> None:
        """Open the socket and wait for `welcome`."""
        self._socket = await connect(
            f"ws://{self.http.host}:{self.http.port}/api/v1/ws",
            subprotocols=[Subprotocol("parley.v1")],
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
        )
        hello = msgspec.json.encode({"type": "hello", "token": self.token}).decode()
        await self._socket.send(hello)
        welcome = _frames.decode(await self._socket.recv(decode=False))
        assert welcome.type == "welcome", welcome
        self.found = asyncio.get_running_loop().create_future()

    async def listen(self) -> None:
        """For ever: note when `match.found` comes."""
        while True:
            message = await self._socket.recv(decode=False)
            received_at = time.monotonic()
            frame = _frames.decode(message)
            if frame.type == "match.found" and not self.found.done():
                self.found.set_result((received_at, frame.session_id))

    async def ask(self) -> float:
        """The moment (monotonic) at which the request's 202 came.

        A 503 is answered by asking again with the same key, and counted in `refused`.
        """
        while True:
            answer = await self.http.call(
                "POST", "/match/request", {"timeout": "2m"}, self.token, key="bench"
            )
            if answer.status == 202:
                return time.monotonic()
            if answer.status != 503:
                raise SystemExit(f"asking failed: {answer.status} {answer.body.decode()}")
            self.refused += 1

    async def hang_up(self) -> None:
        """Close, and be erased: a session left behind would send the partner, who is gone as
        well, to meet the people of the next run."""
        self.abort()
        await self.http.call("DELETE", "/users/me", token=self.token)

    def abort(self) -> None:
        self._socket.transport.abort()


async def known_languages(http: Http) -> list[str]:
    """The same ones every time: codes of two letters, in order."""
    answer = await http.call("GET", "/languages")
    found: list[dict[str, Any]] = answer.json()["languages"]
    codes = sorted(language["code"] for language in found if len(language["code"]) == 2)
    return codes[:LANGUAGES]


async def language_pairs(http: Http, count: int) -> list[tuple[str, str]]:
    """`count` different pairs of languages; they begin again when there are no more."""
    pairs = list(combinations(await known_languages(http), 2))
    return [pairs[number % len(pairs)] for number in range(count)]


async def in_turn(work: Iterable[Any]) -> None:
    """Await all of it, `TOGETHER` at a time."""
    slots = asyncio.Semaphore(TOGETHER)

    async def one(job: Any) -> None:
        async with slots:
            await job

    async with asyncio.TaskGroup() as tasks:
        for job in work:
            tasks.create_task(one(job))


@asynccontextmanager
async def crowd(users: Sequence[User]) -> AsyncIterator[None]:
    """All registered and connected, listening while the block lasts."""
    await in_turn(user.register() for user in users)
    await in_turn(user.connect() for user in users)
    async with asyncio.TaskGroup() as tasks:
        listening = [tasks.create_task(user.listen()) for user in users]
        yield
        for task in listening:
            task.cancel()
    await in_turn(user.hang_up() for user in users)
