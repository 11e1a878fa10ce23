"""What a user does in a session, passed on to sessions: joined, declined, connected, left."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import assert_never

import structlog
from msgspec import Struct

from services.gateway.realtime.connections import Connection
from services.gateway.realtime.protocol import (
    ClientFrame,
    Error,
    Participation,
    SessionConnected,
    SessionDecline,
    SessionFailed,
    SessionJoin,
    SessionLeave,
)
from services.gateway.realtime.settings import RealtimeSettings
from shared import tracing
from shared.domain import LiveSession
from shared.errors import Unavailable
from shared.events import (
    AnyEvent,
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
)
from shared.logging import Seldom
from shared.messaging import Publisher

_outage = Seldom(structlog.get_logger())


class Said(Struct, frozen=True):
    """A frame, the event that it becomes, and the trace that begins with it."""

    frame: Participation
    event: AnyEvent
    trace: str


class Participant:
    """One connection's side of a session: events are published one by one, in the order said.

    Nothing is lost in silence: what the bus does not take is answered with `unavailable`. What was
    said before the socket closed is published while it closes.
    """

    def __init__(
        self,
        connection: Connection,
        publisher: Publisher,
        tasks: asyncio.TaskGroup,
        settings: RealtimeSettings,
    ) -> None:
        self._connection = connection
        self._publisher = publisher
        self._tasks = tasks
        self._waiting_max = settings.participations_waiting_max
        self._waiting: deque[Said] = deque()
        self._publishing = False

    def hear(self, said: Participation) -> None:
        """Publish what was said, later. Raises `Refused` or, for want of room, `Unavailable`."""
        session = self._connection.live(said.session_id)
        if len(self._waiting) >= self._waiting_max:
            raise Unavailable("rabbitmq")
        with tracing.began(
            f"hear {said.__struct_config__.tag}",
            parley__correlation_id=session.request_id,
            parley__user_id=self._connection.user_id,
        ):
            event = _event(said, self._connection, session)
            self._waiting.append(Said(said, event, tracing.carried()))
        if not self._publishing:
            # An idle socket has no task for this: most of its life nothing is said.
            self._publishing = True
            self._tasks.create_task(self._publish())

    async def _publish(self) -> None:
        while self._waiting:
            said = self._waiting[0]
            try:
                with tracing.continued(said.trace):
                    await self._publisher.publish(said.event)
            except Unavailable as error:
                self._give_up(error)
            else:
                self._waiting.popleft()
        self._publishing = False

    def _give_up(self, error: Unavailable) -> None:
        """What follows a failure waits no time-out of its own: it would only arrive late."""
        _outage.warning("participation.unavailable", what=error.what, said=len(self._waiting))
        while self._waiting:
            self._connection.say(unavailable(self._waiting.popleft().frame, error))


def unavailable(said: ClientFrame, error: Unavailable) -> Error:
    """Say it again after a while."""
    about = {
        "type": str(said.__struct_config__.tag),
        "retry_after_s": f"{error.retry_after_s:g}",
    }
    message = "This cannot be passed on now; say it again after a while."
    return Error(code="unavailable", message=message, about=about, id=said.id)


def _event(said: Participation, connection: Connection, session: LiveSession) -> AnyEvent:
    """Begun by the request that became the session."""
    event: Callable[..., AnyEvent]
    match said:
        case SessionJoin():
            event = ParticipantJoined
        case SessionDecline():
            event = ParticipantDeclined
        case SessionConnected():
            event = ParticipantConnected
        case SessionLeave():
            event = ParticipantLeft
        case SessionFailed():
            event = partial(ParticipantFailed, reason=said.reason)
        case _:
            assert_never(said)
    return event(
        correlation_id=session.request_id,
        session_id=session.session_id,
        user_id=connection.user_id,
        connection_id=connection.id,
    )
