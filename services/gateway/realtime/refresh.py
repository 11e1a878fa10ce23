"""What keeps sockets true: cards read when the doorbell rings, and a round every few seconds.

The round needs nothing to have arrived. It finds cards that lost their owner, sockets that were
replaced, and, by asking sessions for versions, whatever was never told.
"""

import asyncio
from collections.abc import Sequence

import structlog

from services.gateway.realtime.card import Cards, Refreshed
from services.gateway.realtime.connections import Connection, Connections
from services.gateway.realtime.endings import ERASED, REPLACED
from services.gateway.realtime.settings import RealtimeSettings
from shared.errors import Refused, Unavailable
from shared.identifiers import UserId
from shared.messaging import Asker
from shared.requests import GetState, GetVersions

_log = structlog.get_logger()


class Refresh:
    def __init__(
        self, connections: Connections, cards: Cards, asker: Asker, settings: RealtimeSettings
    ) -> None:
        self._connections = connections
        self._cards = cards
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
                connection.offer(card.state)

    async def round(self) -> None:
        """Every socket that was welcomed, `refresh_batch` at a time."""
        welcomed = [one for one in self._connections if one.welcomed]
        for begin in range(0, len(welcomed), self._batch):
            await self._round(welcomed[begin : begin + self._batch])

    async def _round(self, connections: Sequence[Connection]) -> None:
        taken = await self._refresh_cards(connections)
        await self._load_what_lags(connections)
        await self._restore(taken)

    async def _refresh_cards(self, connections: Sequence[Connection]) -> list[Connection]:
        """The connections that took their card just now; none while Redis is out of reach."""
        try:
            verdicts = await self._cards.refresh(connections)
            await self.rung(
                [
                    one.user_id
                    for one, verdict in zip(connections, verdicts, strict=True)
                    if _card_is_news(one, verdict)
                ]
            )
        except Unavailable as error:
            _log.warning("refresh.without_cards", error=str(error))
            return []
        for connection, verdict in zip(connections, verdicts, strict=True):
            if verdict.replaced:
                connection.end(REPLACED)
        return [one for one, verdict in zip(connections, verdicts, strict=True) if verdict.taken]

    async def _load_what_lags(self, connections: Sequence[Connection]) -> None:
        users = tuple(one.user_id for one in connections)
        try:
            versions = await self._asker.ask(GetVersions(user_ids=users))
        except Unavailable as error:
            _log.warning("refresh.without_versions", error=str(error))
            return
        async with asyncio.TaskGroup() as tasks:
            for connection in connections:
                if versions.get(connection.user_id, 0) > _version(connection):
                    tasks.create_task(self._load(connection.user_id))

    async def _load(self, user_id: UserId) -> None:
        async with self._loads:
            try:
                await self._cards.tell(await self._asker.ask(GetState(user_id=user_id)))
            except (Unavailable, Refused) as error:
                _log.warning("refresh.not_loaded", user_id=user_id, error=str(error))

    async def _restore(self, connections: Sequence[Connection]) -> None:
        """Emptied cards get the states these sockets hold; their clients hear it all again."""
        states = [one.latest for one in connections if one.latest is not None]
        try:
            if states:
                await self._cards.tell(*states)
        except Unavailable as error:
            _log.warning("refresh.not_restored", error=str(error))
        for connection in connections:
            connection.welcome_afresh()


def _version(connection: Connection) -> int:
    return connection.latest.version if connection.latest is not None else -1


def _card_is_news(connection: Connection, verdict: Refreshed) -> bool:
    return not verdict.replaced and verdict.version > _version(connection)
