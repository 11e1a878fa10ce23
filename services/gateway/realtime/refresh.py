"""What keeps sockets true: cards read when the doorbell rings, and two rounds every few seconds.

The rounds need nothing to have arrived. One finds cards that lost their owner or are old, sockets
that were replaced, partners who went or came, and what they relayed; the other, by asking sessions
for versions, whatever was never told.
"""

import asyncio
from collections.abc import Iterator, Sequence

import structlog

from services.gateway.realtime.card import Cards
from services.gateway.realtime.connections import Connection, Connections
from services.gateway.realtime.endings import ERASED, REPLACED
from services.gateway.realtime.peers import Peers
from services.gateway.realtime.settings import RealtimeSettings
from shared.errors import Refused, Unavailable
from shared.identifiers import UserId
from shared.messaging import Asker
from shared.requests import GetState, GetVersions

_log = structlog.get_logger()


class Refresh:
    def __init__(
        self,
        connections: Connections,
        cards: Cards,
        peers: Peers,
        asker: Asker,
        settings: RealtimeSettings,
    ) -> None:
        self._connections = connections
        self._cards = cards
        self._peers = peers
        self._asker = asker
        self._batch = settings.refresh_batch
        self._loads = asyncio.Semaphore(settings.loads_max)

    async def rung(self, user_ids: Sequence[UserId]) -> None:
        """Read these cards and pass them on. Raises `Unavailable`."""
        here = [one for one in map(self._connections.get, user_ids) if one is not None]
        cards = await self._cards.read_many([one.user_id for one in here])
        for connection, card in zip(here, cards, strict=True):
            if card is None:
                continue
            if card.erased:
                connection.end(ERASED)
            elif card.connection > connection.id:
                connection.end(REPLACED)
            elif card.state is not None:
                connection.offer(card.state, card.trace)
        await self._peers.look(here)

    async def keep_cards(self) -> None:
        """Every socket's card kept, or taken if it lost its owner. Raises `Unavailable`.

        Asks nobody but Redis: this is what shows users as present, and a sessions that is slow or
        silent must not make those who are connected look gone.
        """
        for connections in self._batches():
            await self._keep(connections)

    async def load_what_lags(self) -> None:
        """Load whatever these sockets were never told. Raises `Unavailable`."""
        for connections in self._batches():
            users = tuple(one.user_id for one in connections)
            versions = await self._asker.ask(GetVersions(user_ids=users))
            async with asyncio.TaskGroup() as tasks:
                for connection in connections:
                    if versions.get(connection.user_id, 0) > _version(connection):
                        tasks.create_task(self._load(connection.user_id))

    def _batches(self) -> Iterator[Sequence[Connection]]:
        """The welcomed sockets, those of each batch that are still here when it is its turn."""
        welcomed = [one for one in self._connections if one.welcomed]
        for begin in range(0, len(welcomed), self._batch):
            batch = welcomed[begin : begin + self._batch]
            if here := [one for one in batch if self._connections.get(one.user_id) is one]:
                yield here

    async def _keep(self, connections: Sequence[Connection]) -> None:
        """An emptied card gets the state its socket holds, and the client hears it all again."""
        verdicts = await self._cards.refresh(connections)
        ahead, behind = [], []
        for connection, verdict in zip(connections, verdicts, strict=True):
            if verdict.replaced:
                connection.end(REPLACED)
                continue
            if verdict.taken:
                connection.welcome_afresh()
            if verdict.version > _version(connection):
                ahead.append(connection.user_id)
            elif connection.latest and (verdict.taken or verdict.version < _version(connection)):
                behind.append(connection.latest)
        await self.rung(ahead)
        if behind:
            await self._cards.tell(*behind)
        await self._peers.look(connections)

    async def _load(self, user_id: UserId) -> None:
        async with self._loads:
            try:
                await self._cards.tell(await self._asker.ask(GetState(user_id=user_id)))
            except (Unavailable, Refused) as error:
                _log.warning("refresh.not_loaded", user_id=user_id, error=str(error))


def _version(connection: Connection) -> int:
    return connection.latest.version if connection.latest is not None else -1
