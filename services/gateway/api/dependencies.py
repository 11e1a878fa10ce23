"""What the calls are made of: the parts `app.py` builds, and one call with its caller."""

import asyncio
from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request

from services.gateway.api.limits import Limits
from services.gateway.api.settings import ApiSettings
from services.gateway.api.tokens import Tokens
from services.gateway.promises import Promises
from services.gateway.queue import QueueFigures
from shared.domain import UserState
from shared.errors import ParleyError
from shared.identifiers import UserId
from shared.logging import Seldom
from shared.memory import Command
from shared.messaging import Asker
from shared.ops import Ops

R = TypeVar("R")

_log = structlog.get_logger(__name__)


class Cards(Protocol):
    """The gateway's copies of users' states (`realtime.card.Cards`)."""

    async def tell(self, state: UserState) -> None: ...

    async def connected(self, user_id: UserId) -> bool: ...


class Presence(Protocol):
    """The watch list of users with something open (`realtime.presence.Presence`)."""

    def renewing(self, user_ids: Collection[UserId]) -> Command: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependencies:
    """Built once by `app.py`; `ops` holds the checks of `/readyz`."""

    settings: ApiSettings
    asker: Asker
    tokens: Tokens
    cards: Cards
    presence: Presence
    figures: QueueFigures
    limits: Limits
    ops: Ops
    promises: Promises = field(default_factory=Promises)
    outage: Seldom = field(default_factory=lambda: Seldom(_log))

    async def aside(self, work: Awaitable[R], otherwise: R) -> R:
        """Side work that neither fails a call nor holds it up: its result, or `otherwise`."""
        try:
            async with asyncio.timeout(self.settings.side_work_timeout_s):
                return await work
        except Exception as error:  # whatever it is, the call itself is well
            if isinstance(error, ParleyError | TimeoutError):
                self.outage.warning("call.aside_failed", error=repr(error))
            else:
                _log.warning("call.aside_failed", error=repr(error), exc_info=True)
            return otherwise

    def telling(self, state: UserState) -> BackgroundTask:
        """Tell the user's card this state once the answer is on its way."""

        async def tell() -> None:
            await self.aside(self.cards.tell(state), None)

        return BackgroundTask(tell)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call and the parts to answer it with."""

    request: Request
    parts: Dependencies


@dataclass(frozen=True, slots=True)
class UserCall(Call):
    """A call whose caller has shown a valid access token."""

    user_id: UserId
