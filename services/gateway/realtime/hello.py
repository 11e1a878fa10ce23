"""The first words of a socket: whose it is, and the state to welcome them with."""

import asyncio

from msgspec import Struct
from starlette.websockets import WebSocket

from services.gateway import metrics
from services.gateway.api.tokens import Tokens
from services.gateway.realtime import protocol
from services.gateway.realtime.card import Cards
from services.gateway.realtime.connections import Connection
from services.gateway.realtime.endings import BAD_FRAME, NO_HELLO, Closing, unauthenticated
from services.gateway.realtime.protocol import BadFrame, Hello, MalformedFrame, UnknownFrame
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.wire import Wire
from shared.domain import UserState
from shared.errors import Refused, Unavailable
from shared.identifiers import UserId
from shared.messaging import Asker
from shared.requests import GetState

_HELLO_FIRST = ("hello-first", "Say hello first.")


class Introduced(Struct, frozen=True):
    """`hello_id` is echoed in the welcome; `last_offset` is where the relay is to go on, and
    `last_version` what the client knows already."""

    user_id: UserId
    hello_id: str | None = None
    last_offset: str | None = None
    last_version: int | None = None


class Introductions:
    """Raises `Closing` when a socket may not go on."""

    def __init__(
        self, tokens: Tokens, cards: Cards, asker: Asker, settings: RealtimeSettings
    ) -> None:
        self._tokens = tokens
        self._cards = cards
        self._asker = asker
        self._hello_timeout_s = settings.hello_timeout_s
        self._state_timeout_s = settings.hello_state_timeout_s

    async def hear(self, websocket: WebSocket, wire: Wire) -> Introduced:
        """By the Authorization header, then no hello is needed; else by a hello in time.

        Raises `Gone`.
        """
        authorization = websocket.headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            return Introduced(self.user_of(token.strip() if scheme.lower() == "bearer" else ""))
        try:
            async with asyncio.timeout(self._hello_timeout_s):
                said = protocol.decode(await wire.receive())
        except TimeoutError:
            raise Closing(NO_HELLO) from None
        except BadFrame:
            raise Closing(BAD_FRAME) from None
        except (UnknownFrame, MalformedFrame) as error:
            raise Closing(unauthenticated(*_HELLO_FIRST, error.id)) from None
        metrics.HEARD.labels(said.__struct_config__.tag).inc()
        if not isinstance(said, Hello):
            raise Closing(unauthenticated(*_HELLO_FIRST, said.id))
        user_id = self.user_of(said.token or "", said.id)
        return Introduced(user_id, said.id, said.last_offset, said.last_version)

    def user_of(self, token: str, id: str | None = None) -> UserId:
        if not token:
            raise Closing(unauthenticated("missing-token", "An access token is needed.", id))
        try:
            return self._tokens.read_access(token)
        except Refused as refused:
            raise Closing(unauthenticated(refused.code, refused.detail, id)) from None

    async def take(self, connection: Connection, last_version: int | None = None) -> bool:
        """Take the card and leave the present state with the connection; whether that went well.

        The state is that of sessions, or of the card alone if sessions is silent. A Redis out of
        reach keeps nobody out: the next refresh takes the card. False: a greater connection holds
        the card, or nobody knows the state: a card older than `last_version`, what the client was
        told by a gateway that died before it wrote the card, is not the present one.
        """
        state = await self._state_of(connection.user_id)
        try:
            taken = await self._cards.take(connection, state)
        except Unavailable:
            taken = None
        for known in (state, taken.state if taken is not None else None):
            if known is not None:
                connection.offer(known)
        latest = connection.latest
        if latest is None or (state is None and latest.version < (last_version or 0)):
            return False
        return taken is None or taken.mine

    async def _state_of(self, user_id: UserId) -> UserState | None:
        try:
            return await self._asker.ask(GetState(user_id=user_id), self._state_timeout_s)
        except Unavailable:
            return None
        except Refused as refused:
            raise Closing(unauthenticated(refused.code, refused.detail)) from None
