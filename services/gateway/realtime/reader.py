"""The reader of a socket: every frame the client says after hello."""

import time
from datetime import UTC, datetime
from typing import assert_never

from services.gateway import metrics
from services.gateway.realtime import ice, protocol
from services.gateway.realtime.allowance import Allowance
from services.gateway.realtime.connections import ECHO_LENGTH_MAX, Connection
from services.gateway.realtime.endings import BAD_FRAME, GONE, TOO_MANY, Closing, unauthenticated
from services.gateway.realtime.hello import Introductions
from services.gateway.realtime.participation import Participant, unavailable
from services.gateway.realtime.protocol import (
    BadFrame,
    Chat,
    ClientFrame,
    Error,
    Hello,
    Ice,
    IceRefresh,
    MalformedFrame,
    Ping,
    Pong,
    SessionConnected,
    SessionDecline,
    SessionFailed,
    SessionJoin,
    SessionLeave,
    Signal,
    UnknownFrame,
)
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.speaker import Speaker
from services.gateway.realtime.wire import Gone, Wire
from shared.errors import Refused, Unavailable


class Reader:
    def __init__(
        self,
        connection: Connection,
        wire: Wire,
        introductions: Introductions,
        participant: Participant,
        speaker: Speaker,
        settings: RealtimeSettings,
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._introductions = introductions
        self._participant = participant
        self._speaker = speaker
        self._settings = settings
        self._allowance = Allowance(
            settings.frames_per_s_max, settings.frames_burst_max, time.monotonic
        )

    async def read(self) -> None:
        """Until the client is gone or says what ends the connection."""
        connection = self._connection
        while connection.ending is None:
            try:
                said = await self._wire.receive()
                if self._allowance.take():
                    self._hear(said)
                else:
                    metrics.LIMITED.labels("frames").inc()
                    connection.end(TOO_MANY)
            except Gone:
                connection.end(GONE)
            except BadFrame:
                connection.end(BAD_FRAME)
            except Closing as closing:
                connection.end(closing.ending)

    def _hear(self, text: str | bytes) -> None:
        try:
            said = protocol.decode(text)
        except UnknownFrame as unknown:
            metrics.HEARD.labels("unknown").inc()
            message = "This server does not know frames of this type."
            self._refuse("unknown-frame", message, unknown)
        except MalformedFrame as malformed:
            metrics.HEARD.labels("invalid").inc()
            self._refuse("invalid-frame", str(malformed), malformed)
        else:
            metrics.HEARD.labels(said.__struct_config__.tag).inc()
            self._try(said)

    def _try(self, said: ClientFrame) -> None:
        try:
            self._answer(said)
        except Refused as refused:
            about, message = refused.about or None, refused.detail
            self._connection.say(Error(code=refused.code, message=message, about=about, id=said.id))
        except Unavailable as error:
            self._connection.say(unavailable(said, error))

    def _answer(self, said: ClientFrame) -> None:
        match said:
            case Ping():
                self._connection.say(Pong(id=said.id))
            case Hello():
                self._introduce_again(said)
            case IceRefresh():
                self._connection.say(self._ice(said))
            case Signal() | Chat():
                self._speaker.say(said)
            case (
                SessionJoin()
                | SessionDecline()
                | SessionConnected()
                | SessionFailed()
                | SessionLeave()
            ):
                self._participant.hear(said)
            case _:
                assert_never(said)

    def _ice(self, said: IceRefresh) -> Ice:
        self._connection.live(said.session_id)
        assert self._connection.latest is not None
        now = datetime.now(UTC)
        servers = ice.configuration(self._settings, self._connection.latest, now)
        return Ice(session_id=said.session_id, ice=servers, id=said.id)

    def _introduce_again(self, hello: Hello) -> None:
        """A hello on an open socket asks for a fresh welcome; a token must be the same user's."""
        if hello.token:
            user_id = self._introductions.user_of(hello.token, hello.id)
            if user_id != self._connection.user_id:
                message = "This is another user's token."
                raise Closing(unauthenticated("invalid-token", message, hello.id))
        self._connection.welcome_afresh(hello.id, hello.last_offset)

    def _refuse(self, code: str, message: str, frame: UnknownFrame | MalformedFrame) -> None:
        about = {"type": frame.type[:ECHO_LENGTH_MAX]}
        self._connection.say(Error(code=code, message=message, about=about, id=frame.id))
