"""What partners say to each other: checked, appended to streams, read on from an offset.

The stream is the only queue: nothing of what a client has not read yet stays in the process.
"""

from collections.abc import Sequence

from msgspec import Struct

from services.gateway import metrics
from services.gateway.realtime import streams
from services.gateway.realtime.card import Cards
from services.gateway.realtime.connections import Connection, Connections
from services.gateway.realtime.presence import milliseconds
from services.gateway.realtime.protocol import Chat, Relayable, Signal
from services.gateway.realtime.settings import RealtimeSettings
from services.gateway.realtime.streams import BEGINNING, Bounds, Entry, Saying
from shared.domain import SessionStatus, UserState
from shared.errors import Refused
from shared.identifiers import SessionId, UserId
from shared.memory import Command, Memory


class Place(Struct, frozen=True):
    """Where reading goes on. `recovered`: nothing is missing since the offset asked for."""

    offset: str
    recovered: bool


class Relay:
    """Raises `Unavailable("redis")` throughout."""

    def __init__(
        self, memory: Memory, cards: Cards, connections: Connections, settings: RealtimeSettings
    ) -> None:
        self._memory = memory
        self._cards = cards
        self._connections = connections
        self._batch = settings.relay_batch
        self._bounds = Bounds(
            settings.relay_names_max,
            settings.relay_length_max,
            milliseconds(settings.relay_lifetime_s),
        )

    async def pass_on(
        self, connection: Connection, partner: UserId, sayings: Sequence[Saying]
    ) -> list[Refused | None]:
        """Relay these, all of one session with this partner, in order; what is refused, and why.

        The card decides, not what this process was last told. Where the partner's socket is is
        read after the frames were appended: it may be moving to another gateway meanwhile.
        """
        [card] = await self._cards.read_many([connection.user_id])
        if card is not None and card.state is not None:
            connection.offer(card.state)
        refusals = [refusal(connection.latest, said.frame) for said in sayings]
        passing = [n for n, refused in enumerate(refusals) if refused is None]
        appended = await self._memory.run(
            [self._appending(connection.user_id, partner, sayings[n]) for n in passing]
        )
        for n, verdict in zip(passing, appended, strict=True):
            if verdict < 0:
                refusals[n] = _unknown(sayings[n].frame)
            elif verdict == 0:
                _note(sayings[n], "repeated")
            else:
                _note(sayings[n], "appended")
        for said, refused in zip(sayings, refusals, strict=True):
            if refused is not None:
                _note(said, "refused")
        if any(verdict >= 0 for verdict in appended):
            # Also for what was there already: the answer to the first try may have been lost.
            self.wake([connection.user_id, partner])
            await self._cards.ring_relayed(partner)
        return refusals

    def wake(self, user_ids: Sequence[UserId]) -> None:
        """Those of them who are here have something to read."""
        for user_id in user_ids:
            connection = self._connections.get(user_id)
            if connection is not None:
                connection.wake_listener()

    async def place(self, session_id: SessionId, receiver: UserId, last: str | None) -> Place:
        """Where to go on after the offset `last`, None for what comes from now on."""
        commands = [streams.tail_reading(session_id, receiver)]
        if last is not None:
            commands.append(streams.reading(session_id, receiver, last, 1))
        tail, *found = await self._memory.run(commands)
        end = tail.decode() if tail is not None else BEGINNING
        if last is None:
            return Place(end, True)
        after = streams.entries(found[0])
        offset = after[0].before if after else end
        return Place(offset, offset == streams.sound(last))

    async def read(self, session_id: SessionId, receiver: UserId, after: str) -> list[Entry]:
        """The next few entries after this offset: never many, each may be large."""
        reading = streams.reading(session_id, receiver, after, self._batch)
        [answer] = await self._memory.run([reading])
        return streams.entries(answer)

    def _appending(self, sender: UserId, partner: UserId, said: Saying) -> Command:
        receivers = [sender, partner] if isinstance(said.frame, Chat) else [partner]
        return streams.appending(said, sender, receivers, self._bounds)


def _note(said: Saying, outcome: str) -> None:
    metrics.RELAYED.labels(said.frame.__struct_config__.tag, outcome).inc()


def refusal(state: UserState | None, said: Relayable) -> Refused | None:
    """Why this may not be relayed now, if so."""
    session = state.session if state is not None else None
    if session is None or session.session_id != said.session_id:
        return _unknown(said)
    about: dict[str, str] = {"session_id": session.session_id}
    if session.status not in (SessionStatus.CONNECTING, SessionStatus.ACTIVE):
        return Refused("not-connecting", "Not everybody has joined yet.", about)
    if isinstance(said, Signal) and said.generation != session.generation:
        about["generation"] = str(session.generation)
        return Refused("wrong-generation", "The negotiation has begun anew.", about)
    return None


def _unknown(said: Relayable) -> Refused:
    about = {"session_id": said.session_id}
    return Refused("unknown-session", "You have no live session of this id.", about)
