"""Whether the partner has a socket: looked up on the partner's card, whatever was told before."""

from collections.abc import Iterable
from typing import Any

from services.gateway.realtime import streams
from services.gateway.realtime.card import Cards, card_key
from services.gateway.realtime.connections import Connection, Connections
from shared.domain import LiveSession
from shared.identifiers import UserId
from shared.memory import Memory, command


class Peers:
    """Raises `Unavailable("redis")` throughout; everything here may be done twice."""

    def __init__(self, memory: Memory, cards: Cards, connections: Connections) -> None:
        self._memory = memory
        self._cards = cards
        self._connections = connections

    async def look(self, connections: Iterable[Connection]) -> None:
        """See whose partner is away, and whose stream has gone on, in one round trip.

        Of a partner without a card (Redis was emptied) nothing is known, so nothing changes.
        """
        live = [(one, one.latest.session) for one in connections if one.latest]
        talking = [(one, session) for one, session in live if session is not None]
        if not talking:
            return
        fields = ("version", "connection", "alive_until")
        commands = [
            command("HMGET", card_key(session.partner.id), *fields) for _, session in talking
        ]
        commands += [
            streams.tail_reading(session.session_id, one.user_id) for one, session in talking
        ]
        *answers, (now_s, now_us) = await self._memory.run([*commands, command("TIME")])
        now_ms = int(now_s) * 1000 + int(now_us) // 1000
        cards, tails = answers[: len(talking)], answers[len(talking) :]
        for (one, session), card, tail in zip(talking, cards, tails, strict=True):
            away = self._away(session.partner.id, card, now_ms)
            if away is not None:
                one.see_peer(session.session_id, away)
            if tail is not None and tail.decode() != one.offset:
                one.wake_listener()

    async def changed(self, connection: Connection) -> None:
        """This user came or went: whoever talks with them looks."""
        session = _session(connection)
        if session is None:
            return
        here = self._connections.get(session.partner.id)
        if here is not None:
            await self.look([here])
        await self._cards.ring_owner(session.partner.id)

    def _away(self, partner: UserId, card: Any, now_ms: int) -> bool | None:
        if self._connections.get(partner) is not None:
            return False
        version, owner, alive_until = card
        if version is None and owner is None:
            return None
        return owner is None or int(alive_until or 0) <= now_ms


def _session(connection: Connection) -> LiveSession | None:
    return connection.latest.session if connection.latest is not None else None
