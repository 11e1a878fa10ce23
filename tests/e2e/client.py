"""A person with a phone: HTTP calls, a socket that comes back, and a record of all it heard."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import httpx2
import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from contracts import checking

SUBPROTOCOL = Subprotocol("parley.v1")
INSIST_S = 60.0
REGISTER_S = 20.0
# What sessions away, and a proxy before a gateway that has just gone, answer.
UNAVAILABLE = (502, 503)
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)


untrue: list[str] = []
"""Frames that are in no contract; the test during which they came fails."""


class Frame(Struct, frozen=True):
    """One frame as it came: `received_at` is monotonic, `connection` counts the sockets before."""

    received_at: float
    connection: int
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["type"])

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


class Languages(Struct, frozen=True):
    """What someone speaks: native tags, and practised tags with CEFR levels."""

    native: tuple[str, ...]
    practice: tuple[tuple[str, str], ...]

    def body(self) -> dict[str, Any]:
        practised = [{"language": tag, "level": level} for tag, level in self.practice]
        return {"native_languages": list(self.native), "practice_languages": practised}


def speaks(native: str, practice: str, level: str = "B1") -> Languages:
    """`speaks("es", "en", "B1")`: one native language and one practised."""
    return Languages((native,), ((practice, level),))


class Person:
    """One user. `home` is the gateway it prefers; the next ones are tried when that is gone."""

    def __init__(
        self,
        gateways: Sequence[str],
        home: int,
        http: httpx2.AsyncClient,
        address: str,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.gateways = [*gateways[home:], *gateways[:home]]
        self.http = http
        self.address = address
        self.tasks = tasks
        self.id = ""
        self.name = ""
        self.access_token = ""
        self.refresh_token = ""
        self.frames: list[Frame] = []
        self.close_codes: list[int] = []
        self.socket: ClientConnection | None = None
        # What a hello says of the relay: the offset heard last.
        self._place: dict[str, str] = {}
        self._heard = 0
        self._news = asyncio.Event()
        self._staying: asyncio.Task[None] | None = None

    # HTTP

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str = "", gateway: int = 0
    ) -> httpx2.Response:
        """`method` on `/api/v1` + `path` of the home gateway (or the `gateway`-th after it)."""
        headers = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        if key:
            headers["Idempotency-Key"] = key
        url = f"{self.gateways[gateway % len(self.gateways)]}/api/v1{path}"
        answer = await self.http.request(method, url, json=body, headers=headers)
        kind, status = answer.headers.get("content-type", ""), answer.status_code
        contract = checking.http()
        contract.check_answer(method, answer.url.path, status, kind, answer.content)
        return answer

    async def try_call(
        self, method: str, path: str, body: Any = None, *, key: str = "", gateway: int = 0
    ) -> httpx2.Response | None:
        """`call`, or None when the gateway is not there or went away before it answered."""
        with suppress(httpx2.TransportError):
            return await self.call(method, path, body, key=key, gateway=gateway)
        return None

    async def register(self, name: str, languages: Languages, **profile: Any) -> None:
        """Tried until a gateway takes it; one that went away may leave a profile nobody uses."""
        body = {"display_name": name, **languages.body(), **profile}
        answer = await self._insist("/users", body, 201, limit_s=REGISTER_S)
        self.name = name
        self.id = answer.json()["user"]["id"]
        self._keep_tokens(answer)

    async def refresh(self) -> None:
        answer = await self.call("POST", "/tokens", {"refresh_token": self.refresh_token})
        assert answer.status_code in (200, 201), answer.text
        self._keep_tokens(answer)

    def _keep_tokens(self, answer: httpx2.Response) -> None:
        tokens = answer.json()
        self.access_token = tokens["access_token"]
        self.refresh_token = tokens["refresh_token"]

    async def ask(self, **body: Any) -> str:
        """Ask for a partner; the id of the accepted request."""
        answer = await self.call("POST", "/match/request", body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["request_id"])

    async def insist(self, *, limit_s: float = INSIST_S, **body: Any) -> str:
        """Ask as an app does: one idempotency key, any gateway, until one accepts."""
        key = f"ask-{self.id}"
        answer = await self._insist("/match/request", body, 202, limit_s=limit_s, key=key)
        return str(answer.json()["request_id"])

    async def _insist(
        self, path: str, body: Any, accepted: int, *, limit_s: float, key: str = ""
    ) -> httpx2.Response:
        async with asyncio.timeout(limit_s):
            for attempt in itertools.count():
                answer = await self.try_call("POST", path, body, key=key, gateway=attempt)
                if answer is not None and answer.status_code == accepted:
                    return answer
                assert answer is None or answer.status_code in UNAVAILABLE, answer.text
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
        raise AssertionError("unreachable")

    async def cancel(self) -> httpx2.Response:
        return await self.call("DELETE", "/match/request")

    # The socket

    async def connect(self) -> Frame:
        """Open the socket and keep it open until `leave`; the first `welcome`."""
        assert self._staying is None, "already connected"
        self._staying = self.tasks.create_task(self._stay())
        return await self.hear("welcome", deadline_s=20)

    async def leave(self) -> None:
        """Close the socket for good (as far as this test is concerned)."""
        if self._staying is not None:
            self._staying.cancel()
            with suppress(asyncio.CancelledError):
                await self._staying
        self._staying = None

    async def drop(self) -> None:
        """Lose the connection without a word, as a phone in a tunnel does; it will come back."""
        assert self.socket is not None, "not connected"
        self.socket.transport.abort()

    async def say(self, **frame: Any) -> None:
        assert self.socket is not None, "not connected"
        await self.socket.send(msgspec.json.encode(frame).decode())

    async def _stay(self) -> None:
        for attempt, home in enumerate(itertools.cycle(self.gateways)):
            with suppress(OSError, InvalidHandshake, TimeoutError):
                await self._listen(home, attempt)
            if self.close_codes and self.close_codes[-1] >= 4500:
                return
            await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])

    async def _listen(self, gateway: str, attempt: int) -> None:
        async with connect(
            gateway.replace("http", "ws", 1) + "/api/v1/ws",
            subprotocols=[SUBPROTOCOL],
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
            local_addr=(self.address, 0),
        ) as socket:
            self.socket = socket
            try:
                version = max((frame.body.get("version", 0) for frame in self.frames), default=0)
                hello = {"type": "hello", "token": self.access_token, "last_version": version}
                hello |= self._place
                await socket.send(msgspec.json.encode(hello).decode())
                async for message in socket:
                    body = msgspec.json.decode(message, type=dict[str, Any])
                    self._compare(body)
                    self.frames.append(Frame(time.monotonic(), attempt, body))
                    if body["type"] == "match.found":
                        self._place = {"last_offset": "0-0"}
                    elif "offset" in body:
                        self._place = {"last_offset": body["offset"]}
                    self._news.set()
            except ConnectionClosed:
                pass  # The close code says it all.
            finally:
                self.socket = None
        self.close_codes.append(socket.close_code or 1006)

    def _compare(self, body: dict[str, Any]) -> None:
        try:
            checking.check_frame(body)
        except checking.Untrue as error:
            untrue.append(f"{self.name} heard {body}: {error}")

    # What was heard

    def heard(self, kind: str) -> list[Frame]:
        """Every frame of this type so far, on whatever connection."""
        return [frame for frame in self.frames if frame.type == kind]

    async def hear(
        self,
        kind: str,
        deadline_s: float = 10.0,
        where: Callable[[Frame], bool] = lambda frame: True,
        or_kind: str = "",
    ) -> Frame:
        """The next frame of this type (or that) since the one heard last; fails after a while."""
        begin = self._heard
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while True:
                    for index in range(self._heard, len(self.frames)):
                        frame = self.frames[index]
                        if frame.type in (kind, or_kind) and where(frame):
                            self._heard = index + 1
                            return frame
                    self._news.clear()
                    await self._news.wait()
        instead = [frame.type for frame in self.frames[begin:]]
        raise AssertionError(f"{self.name} heard no {kind} in {deadline_s} s but {instead}")
