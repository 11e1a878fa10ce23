"""What a user says to the partner: signals and chat, limited, passed on in the order said."""

import asyncio
import time
from collections import deque

import structlog
from msgspec import UNSET, Struct

from services.gateway import metrics
from services.gateway.realtime import streams
from services.gateway.realtime.allowance import Allowance
from services.gateway.realtime.connections import Connection
from services.gateway.realtime.participation import unavailable
from services.gateway.realtime.protocol import Chat, Error, Relayable, Signal
from services.gateway.realtime.relay import Relay
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.streams import Saying
from shared.errors import Refused, Unavailable
from shared.identifiers import UserId

_log = structlog.get_logger()


class Waiting(Struct, frozen=True):
    """A saying, and whom it is for."""

    partner: UserId
    saying: Saying


class Speaker:
    """One connection's voice. What is refused, or finds no Redis, is answered with an `error`.

    Frames wait here only for the round trips of those before them, `relay_waiting_bytes_max` at
    most; what has gathered meanwhile goes in one.
    """

    def __init__(
        self,
        connection: Connection,
        relay: Relay,
        tasks: asyncio.TaskGroup,
        settings: RealtimeSettings,
    ) -> None:
        self._connection = connection
        self._relay = relay
        self._tasks = tasks
        self._bytes_max = settings.relay_waiting_bytes_max
        self._signals = Allowance(
            settings.signals_per_s_max, settings.signals_burst_max, time.monotonic
        )
        self._chats = Allowance(settings.chats_per_s_max, settings.chats_burst_max, time.monotonic)
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._count = 0
        self._passing_on = False

    def say(self, said: Relayable) -> None:
        """Pass this on, later. Raises `Refused`."""
        if isinstance(said, Signal) and (said.description is UNSET) == (said.candidate is UNSET):
            detail = "A signal carries a description or a candidate."
            raise Refused("invalid-frame", detail, {"type": "signal"})
        self._limit(said)
        session = self._connection.live(said.session_id)
        self._count += 1
        # A message is said once, whoever repeats it; a signal once, if only Redis is told twice.
        sender, id = self._connection.user_id, self._connection.id
        name = f"{sender}:{said.id}" if isinstance(said, Chat) else f"{id}:{self._count}"
        saying = streams.saying(said, name)
        if self._bytes + len(saying.body) > self._bytes_max:
            raise _too_many(said)
        self._bytes += len(saying.body)
        self._waiting.append(Waiting(session.partner.id, saying))
        if not self._passing_on:
            # An idle socket has no task for this: most of its life nothing is said.
            self._passing_on = True
            self._tasks.create_task(self._pass_on())

    def _limit(self, said: Relayable) -> None:
        allowance = self._chats if isinstance(said, Chat) else self._signals
        if not allowance.take():
            raise _too_many(said)

    async def _pass_on(self) -> None:
        while self._waiting:
            partner, sayings = self._gathered()
            try:
                refusals = await self._relay.pass_on(self._connection, partner, sayings)
            except Unavailable as error:
                _log.warning("relay.unavailable")
                for one in sayings:
                    metrics.RELAYED.labels(one.frame.__struct_config__.tag, "unavailable").inc()
                    self._connection.say(unavailable(one.frame, error))
            else:
                for one, refused in zip(sayings, refusals, strict=True):
                    if refused is not None:
                        self._connection.say(_error(one.frame, refused))
        self._passing_on = False

    def _gathered(self) -> tuple[UserId, list[Saying]]:
        """The first that waits and what follows it in the same session."""
        partner = self._waiting[0].partner
        session_id = self._waiting[0].saying.frame.session_id
        gathered = []
        while self._waiting and self._waiting[0].saying.frame.session_id == session_id:
            one = self._waiting.popleft().saying
            self._bytes -= len(one.body)
            gathered.append(one)
        return partner, gathered


def _too_many(said: Relayable) -> Refused:
    about = {"session_id": said.session_id}
    metrics.LIMITED.labels("chats" if isinstance(said, Chat) else "signals").inc()
    if isinstance(said, Chat):
        return Refused("too-many-messages", "Too many messages at once; wait a little.", about)
    return Refused("too-many-signals", "Too many signals at once; wait a little.", about)


def _error(said: Relayable, refused: Refused) -> Error:
    return Error(code=refused.code, message=refused.detail, about=refused.about, id=said.id)
