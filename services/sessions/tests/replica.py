"""One sessions process without its broker: real Postgres, a publisher that remembers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from services.sessions.app import Parts, assemble
from services.sessions.config import Settings
from services.sessions.pulse import send_pulse
from services.sessions.session import Act
from services.sessions.store.database import Database
from shared.domain import FailReason, Level, MatchSide, Practice, UserState
from shared.errors import Refused
from shared.events import (
    AnyEvent,
    MatchFound,
    ParticipantConnected,
    ParticipantFailed,
)
from shared.identifiers import ConnectionId, SessionId, TokenId, UserId, new_id
from shared.requests import GetRequest, GetState, OpenRequest, RegisterUser, Request, RequestOpened
from shared.testing import RecordingPublisher, eventually

A = TypeVar("A")
E = TypeVar("E")

Speaks = tuple[tuple[str, ...], tuple[Practice, ...]]

SPANISH: Speaks = ("es",), (Practice(language="en", level=Level.B1),)
ENGLISH: Speaks = ("en",), (Practice(language="es", level=Level.B2),)


CALM = """
INSERT INTO pulses (sent_at, returned_at)
SELECT at, at FROM (SELECT date_trunc('second', now()) - n * interval '1 s' AS at
                    FROM generate_series($1::integer, 30) AS n) AS x
"""
AGO = "UPDATE chat_sessions SET " + ", ".join(
    f"{column} = {column} - $1::float * interval '1 s'"
    for column in ("created_at", "join_by", "connect_by", "active_at", "ends_at", "turn_since",
                   "turn_until")
) + " WHERE live"  # fmt: skip


class Replica(Struct, frozen=True, kw_only=True):
    """Ask it and let it hear, as the bus would."""

    database: Database
    publisher: RecordingPublisher
    parts: Parts
    settings: Settings

    async def ask(self, request: Request[A]) -> A:
        answer: A = await self.parts.answerers[type(request)](request)
        return answer

    async def hear(self, event: AnyEvent) -> None:
        await self.parts.handlers[type(event)](event)

    async def beat(self) -> None:
        await send_pulse(self.database, self.publisher)

    async def repeat(self) -> None:
        """What is due to be told again, now."""
        self.parts.repeats.wake()
        await self.parts.repeats.step()

    def told(self, kind: type[E]) -> list[E]:
        return self.publisher.of(kind)

    async def only(self, kind: type[E]) -> E:
        """The one event of this type, once it is published."""

        def one() -> E:
            events = self.told(kind)
            assert len(events) == 1, events
            return events[0]

        return await eventually(one)

    async def rows(self, query: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        async with self.database.connection() as connection:
            return await connection.fetch(query, *arguments)

    async def value(self, query: str, *arguments: Any) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def register(self, name: str = "Ana", speaks: Speaks = SPANISH) -> UserId:
        user_id = UserId(new_id())
        natives, practices = speaks
        await self.ask(
            RegisterUser(
                user_id=user_id,
                display_name=name,
                native_languages=natives,
                practice_languages=practices,
                interests=("film",),
                relay_only=False,
                token_id=TokenId(new_id()),
                token_expires_in_s=1000,
            )
        )
        return user_id

    async def open(self, user_id: UserId, timeout_s: float = 300) -> RequestOpened:
        return await self.ask(OpenRequest(user_id=user_id, timeout_s=timeout_s))

    async def state(self, user_id: UserId) -> UserState:
        return await self.ask(GetState(user_id=user_id))

    @asynccontextmanager
    async def like(self, **changed: Any) -> AsyncIterator["Replica"]:
        """Another process on the same database, with other settings."""
        async with AsyncExitStack() as stack:
            yield await replica_of(replace(self.settings, **changed), stack)

    async def match(self, one: RequestOpened, other: RequestOpened) -> SessionId:
        """What a matcher would find of the two, heard."""
        found = match(one, other)
        await self.hear(found)
        return found.match_id

    async def waiting(self, user_id: UserId) -> RequestOpened:
        """The pending request of this user as if just opened."""
        state = await self.state(user_id)
        assert state.request is not None
        asked = GetRequest(user_id=user_id, request_id=state.request.request_id)
        return RequestOpened(request=await self.ask(asked), state=state)

    async def pair(self) -> tuple[UserId, UserId]:
        """Ana, native in Spanish, and Ben, native in English."""
        return await self.register("Ana", SPANISH), await self.register("Ben", ENGLISH)

    async def waiting_pair(self) -> tuple[UserId, UserId, MatchFound]:
        """Both with a pending request, and the match of the two that a matcher would find."""
        ana, ben = await self.pair()
        sides = await self.open(ana), await self.open(ben)
        return ana, ben, match(*sides)

    async def talking_pair(self) -> tuple[UserId, UserId, SessionId]:
        """Both in one live session."""
        ana, ben, found = await self.waiting_pair()
        await self.hear(found)
        return ana, ben, found.match_id

    async def active_pair(self) -> tuple[UserId, UserId, SessionId]:
        """Both hear each other."""
        ana, ben, session_id = await self.talking_pair()
        for user in (ana, ben):
            await self.hear(act(ParticipantConnected, user, session_id))
        return ana, ben, session_id

    async def calm(self, ahead_s: int = 0) -> None:
        """Pulses came round for half a minute, and will for so many seconds: none is late."""
        await self.rows(CALM, -ahead_s)

    async def ago(self, seconds: float) -> None:
        """Let so many seconds pass in the life of all sessions."""
        await self.rows(AGO, seconds)


def match(
    one: RequestOpened, other: RequestOpened, attempts: tuple[int, int] = (1, 1)
) -> MatchFound:
    first, second = (
        MatchSide(
            request_id=opened.request.request_id,
            attempt=attempt,
            user_id=opened.state.user.id,
            practises=opened.request.practice_languages[0].language,
        )
        for opened, attempt in zip((one, other), attempts, strict=True)
    )
    return MatchFound(
        correlation_id=first.request_id,
        match_id=SessionId(new_id()),
        sides=(first, second),
        score=100,
    )


def act(
    kind: type[Act],
    user_id: UserId,
    session_id: SessionId,
    connection_id: ConnectionId | None = None,
    reason: FailReason = FailReason.NETWORK,
) -> Act:
    """What a gateway would say of this user, on a connection that is one with the user's name."""
    about: dict[str, Any] = {
        "correlation_id": "x",
        "session_id": session_id,
        "user_id": user_id,
        "connection_id": connection_id or ConnectionId(user_id),
    }
    return kind(**about, reason=reason) if kind is ParticipantFailed else kind(**about)


async def refusal(asking: Any) -> Refused:
    """How what is awaited refuses."""
    try:
        answer = await asking
    except Refused as refused:
        return refused
    raise AssertionError(f"not refused: {answer}")


async def replica_of(settings: Settings, stack: AsyncExitStack) -> Replica:
    """A process, ended with the stack."""
    database = await Database.connect(settings)
    stack.push_async_callback(database.close)
    tasks = await stack.enter_async_context(asyncio.TaskGroup())
    publisher = RecordingPublisher()
    parts = assemble(database, publisher, tasks, settings)
    return Replica(database=database, publisher=publisher, parts=parts, settings=settings)
