"""The card of a user: the present state as last told, and which connection speaks for the user.

One Redis hash per user, `gateway:{<user>}:card`, written only by the scripts in `lua/`. Versions
on a card only grow, and so do the connections that own it.
"""

from collections.abc import Sequence

import msgspec
import structlog
from msgspec import Struct

from services.gateway.realtime.connections import Connection, Connections
from services.gateway.realtime.doorbell import ring, ring_relayed
from services.gateway.realtime.presence import Presence, milliseconds
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.streams import forgetting
from shared import tracing
from shared.domain import UserState
from shared.identifiers import ConnectionId, UserId
from shared.memory import Command, Memory, Script, Value, command

_tell = Script.load(__package__, "tell")
_take = Script.load(__package__, "take")
_refresh = Script.load(__package__, "refresh")
_release = Script.load(__package__, "release")
_decoder = msgspec.json.Decoder(UserState)
_encoder = msgspec.json.Encoder()
NO_VERSION = -1

_log = structlog.get_logger()


def card_key(user_id: UserId) -> str:
    return f"gateway:{{{user_id}}}:card"


class Card(Struct, frozen=True):
    """`state` is None when only an owner is known yet, or the user is erased. `trace` is the
    traceparent of what changed it, "" if nobody traces."""

    version: int
    state: UserState | None
    gateway: str
    connection: ConnectionId
    erased: bool
    trace: str = ""


class Taken(Struct, frozen=True):
    """`mine` is false when a greater connection holds the card; `state` is the card's."""

    mine: bool
    state: UserState | None


class Refreshed(Struct, frozen=True):
    """`replaced`: a greater connection holds the card. `taken`: it had no owner, or a smaller."""

    version: int
    replaced: bool
    taken: bool


def something_open(state: UserState) -> bool:
    return state.request is not None or state.session is not None


class Cards:
    """Raises `Unavailable("redis")` throughout; everything here may be done twice."""

    def __init__(
        self,
        memory: Memory,
        gateway: str,
        connections: Connections,
        presence: Presence,
        settings: RealtimeSettings,
    ) -> None:
        self._memory = memory
        self._gateway = gateway
        self._connections = connections
        self._presence = presence
        self._lifetime_ms = milliseconds(settings.card_lifetime_s)
        self._owner_lifetime_ms = milliseconds(settings.owner_lifetime_s)
        self._doorbell_length_max = settings.doorbell_length_max
        self._relay_lifetime_ms = milliseconds(settings.relay_lifetime_s)

    async def tell(self, state: UserState, *more: UserState) -> None:
        """Pass states on: to sockets here at once, onto the cards, to sockets elsewhere by a ring.

        An older state changes nothing; an equal one rings and watches again. What was relayed in
        a session that is over is forgotten. Order-free.
        """
        states = (state, *more)
        for one in states:
            self._connections.offer(one, tracing.carried())
        commands = [self._telling(one) for one in states]
        if watched := [one.user.id for one in states if something_open(one)]:
            commands.append(self._presence.watching(watched))
        for one in states:
            commands.extend(forgetting(one, self._relay_lifetime_ms))
        verdicts = await self._memory.run(commands)
        rings = [
            self._ring(owner.decode(), one.user.id)
            for one, (verdict, owner, _) in zip(states, verdicts[: len(states)], strict=True)
            if verdict >= 0 and owner and owner.decode() != self._gateway
        ]
        await self._memory.run(rings)

    async def read(self, user_id: UserId) -> Card | None:
        [card] = await self.read_many([user_id])
        return card

    async def read_many(self, user_ids: Sequence[UserId]) -> list[Card | None]:
        """The cards of these users, in order, in one round trip; None where there is none."""
        fields = ("version", "state", "gateway", "connection", "erased", "trace")
        answers = await self._memory.run(
            [command("HMGET", card_key(user_id), *fields) for user_id in user_ids]
        )
        return [_card(answer) for answer in answers]

    async def connected(self, user_id: UserId) -> bool:
        """Whether some gateway holds a socket of this user, as of the last refresh."""
        if self._connections.get(user_id) is not None:
            return True
        reading = command("HGET", card_key(user_id), "alive_until")
        alive_until_ms, (now_s, _) = await self._memory.run([reading, command("TIME")])
        return alive_until_ms is not None and int(alive_until_ms) > int(now_s) * 1000

    async def take(self, connection: Connection, state: UserState | None) -> Taken:
        """This connection says hello, with the state in hand if there is one.

        The owner before hears of it: here at once, elsewhere by a ring.
        """
        user_id = connection.user_id
        version, body = NO_VERSION, b""
        if state is not None and not state.erased:
            version, body = state.version, _encoder.encode(state)
        arguments: list[Value] = [version, body, self._lifetime_ms, self._owner_lifetime_ms]
        commands = [
            _take.call([card_key(user_id)], [connection.id, self._gateway, *arguments]),
            self._presence.renewing([user_id]),
        ]
        if state is not None and something_open(state):
            commands.append(self._presence.watching([user_id]))
        [taken, *_] = await self._memory.run(commands)
        mine, gateway, owner, _, present = taken
        if mine and owner and owner.decode() != connection.id:
            await self._ring_other(gateway.decode(), user_id)
        return Taken(bool(mine), _state(present))

    async def refresh(self, connections: Sequence[Connection]) -> list[Refreshed]:
        """Keep these connections' cards, in order; a sign of life of their users."""
        if not connections:
            return []
        lifetimes = [self._lifetime_ms, self._owner_lifetime_ms]
        commands = [
            _refresh.call([card_key(one.user_id)], [one.id, self._gateway, *lifetimes])
            for one in connections
        ]
        commands.append(self._presence.renewing([one.user_id for one in connections]))
        *verdicts, _ = await self._memory.run(commands)
        return [Refreshed(version, held == 0, held == 2) for held, version in verdicts]

    async def release(self, connection: Connection) -> bool:
        """The socket closed; the card stays, without an owner, unless another took it: False."""
        releasing = _release.call([card_key(connection.user_id)], [connection.id])
        [released] = await self._memory.run([releasing])
        return bool(released)

    async def ring_owner(self, user_id: UserId) -> None:
        """Let the gateway that holds this user's socket look at the card, unless it is this one."""
        gateway = await self._elsewhere(user_id)
        if gateway is not None:
            await self._memory.run([self._ring(gateway, user_id)])

    async def ring_relayed(self, user_id: UserId) -> None:
        """Let it read what was relayed to this user."""
        gateway = await self._elsewhere(user_id)
        if gateway is not None:
            await self._memory.run([ring_relayed(gateway, user_id, self._doorbell_length_max)])

    async def _elsewhere(self, user_id: UserId) -> str | None:
        [gateway] = await self._memory.run([command("HGET", card_key(user_id), "gateway")])
        if gateway is None or gateway.decode() == self._gateway:
            return None
        return str(gateway.decode())

    def _telling(self, state: UserState) -> Command:
        body = b"" if state.erased else _encoder.encode(state)
        arguments: list[Value] = [state.version, body, self._lifetime_ms, tracing.carried()]
        return _tell.call([card_key(state.user.id)], arguments)

    def _ring(self, gateway: str, user_id: UserId) -> Command:
        return ring(gateway, user_id, self._doorbell_length_max)

    async def _ring_other(self, gateway: str, user_id: UserId) -> None:
        """The owner here was ended when the greater connection was added."""
        if gateway != self._gateway:
            await self._memory.run([self._ring(gateway, user_id)])


def _state(body: bytes | None) -> UserState | None:
    """None also for what another version of this program wrote: sessions will tell it again."""
    try:
        return _decoder.decode(body) if body else None
    except msgspec.DecodeError as error:
        _log.warning("card.unreadable", error=str(error))
        return None


def _card(answer: Sequence[bytes | None]) -> Card | None:
    version, state, gateway, connection, erased, trace = answer
    if version is None and connection is None:
        return None
    return Card(
        int(version) if version is not None else NO_VERSION,
        _state(state),
        (gateway or b"").decode(),
        ConnectionId((connection or b"").decode()),
        erased is not None,
        (trace or b"").decode(),
    )
