"""The API in one process: real Redis, a scripted sessions, fakes of the realtime half."""

from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from services.gateway.api.dependencies import Dependencies
from services.gateway.api.limits import Limits
from services.gateway.api.routing import application
from services.gateway.api.settings import ApiSettings
from services.gateway.api.tokens import Tokens
from services.gateway.queue import QueueFigures
from shared.config import Seconds
from shared.domain import (
    Level,
    PendingRequest,
    Practice,
    Profile,
    RequestRecord,
    RequestStatus,
    UserState,
)
from shared.identifiers import RequestId, UserId, new_id
from shared.memory import Command, Memory, command
from shared.ops import Ops
from shared.requests import OpenRequest, RegisterUser, RequestOpened
from shared.testing import ScriptedAsker

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PRACTICES = (Practice("en", Level.B1),)


class FakeCards:
    def __init__(self) -> None:
        self.told: list[UserState] = []
        self.online: set[UserId] = set()
        self.failing: Exception | None = None

    async def tell(self, state: UserState) -> None:
        if self.failing is not None:
            raise self.failing
        self.told.append(state)

    async def connected(self, user_id: UserId) -> bool:
        if self.failing is not None:
            raise self.failing
        return user_id in self.online


class FakePresence:
    def __init__(self) -> None:
        self.renewed: list[UserId] = []

    def renewing(self, user_ids: Collection[UserId]) -> Command:
        self.renewed += user_ids
        return command("PING")


def profile_of(user_id: UserId, name: str = "Ana") -> Profile:
    return Profile(
        id=user_id,
        display_name=name,
        native_languages=("es",),
        practice_languages=PRACTICES,
        interests=("film",),
        relay_only=False,
        created_at=NOW,
    )


def state_of(user_id: UserId, request: PendingRequest | None = None) -> UserState:
    return UserState(version=3, user=profile_of(user_id), request=request)


def registered(asked: RegisterUser) -> Profile:
    return Profile(
        id=asked.user_id,
        display_name=asked.display_name,
        native_languages=asked.native_languages,
        practice_languages=asked.practice_languages,
        interests=asked.interests,
        relay_only=asked.relay_only,
        created_at=NOW,
    )


def opened(asked: OpenRequest) -> RequestOpened:
    """What sessions answers when nothing stands in the way."""
    request_id, expires_at = RequestId(new_id()), NOW + timedelta(seconds=asked.timeout_s)
    natives = asked.native_languages or ("es",)
    practices = asked.practice_languages or PRACTICES
    record = RequestRecord(
        request_id=request_id,
        status=RequestStatus.PENDING,
        since=NOW,
        expires_at=expires_at,
        native_languages=natives,
        practice_languages=practices,
    )
    pending = PendingRequest(
        request_id=request_id,
        since=NOW,
        expires_at=expires_at,
        native_languages=natives,
        practice_languages=practices,
    )
    return RequestOpened(request=record, state=state_of(asked.user_id, pending))


@dataclass
class Api:
    """The API and everything around it that a test may look at or change."""

    memory: Memory
    settings: ApiSettings
    asker: ScriptedAsker = field(default_factory=ScriptedAsker)
    cards: FakeCards = field(default_factory=FakeCards)
    presence: FakePresence = field(default_factory=FakePresence)
    ops: Ops = field(default_factory=Ops)
    user_id: UserId = field(default_factory=lambda: UserId(new_id()))

    def __post_init__(self) -> None:
        self.asker.script |= {RegisterUser: registered, OpenRequest: opened}
        self.tokens = Tokens(self.settings)
        self.figures = QueueFigures(self.memory, self.settings)
        self.parts = Dependencies(
            settings=self.settings,
            asker=self.asker,
            tokens=self.tokens,
            cards=self.cards,
            presence=self.presence,
            figures=self.figures,
            limits=Limits(self.memory, self.settings),
            ops=self.ops,
        )
        self.app = application(self.parts)
        transport = httpx2.ASGITransport(self.app, client=("127.0.0.1", 4000))
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://parley")

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.issue_access(self.user_id)}"}

    async def call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """An authenticated call under /api/v1; `headers` are added to the token's."""
        headers = self.bearer | more.pop("headers", {})
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def refused(
        self, status: int, code: str, answer: httpx2.Response, asked: bool = False
    ) -> dict[str, Any]:
        """`answer` is that problem, complete; and unless `asked`, nothing reached sessions."""
        assert answer.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = answer.json()
        assert (document["type"], document["status"]) == (f"/problems/{code}", status)
        assert answer.status_code == status
        assert document["title"] and document["detail"]
        assert document["correlation_id"] == answer.headers["x-correlation-id"]
        if not asked:
            assert self.asker.asked == [] and self.cards.told == []
            [keys] = await self.memory.run([command("KEYS", "*")])
            assert all(key.startswith(b"gateway:limit:") for key in keys)
        return document


@pytest_asyncio.fixture
async def memory(clean_redis_url: str) -> AsyncIterator[Memory]:
    memory = Memory.open(clean_redis_url, Seconds(2), 8)
    yield memory
    await memory.close()


@pytest.fixture
def make_api(memory: Memory) -> Callable[..., Api]:
    def make(**settings: Any) -> Api:
        return Api(memory, ApiSettings(**settings))

    return make


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    return make_api()


@pytest.fixture
def a_profile() -> Callable[..., Profile]:
    return profile_of


@pytest.fixture
def a_state() -> Callable[..., UserState]:
    return state_of
