"""A gateway's doorbell: a capped stream of user ids whose cards changed, or who were relayed to.

Rung by any gateway, read by its owner with a blocking read on a connection of its own. The owner
makes the stream and keeps it alive; a ring at the door of a gateway that is gone does nothing.
A lost ring costs at most one refresh.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog
from msgspec import Struct

from services.gateway.realtime.presence import milliseconds
from services.gateway.realtime.settings import RealtimeSettings
from shared.errors import Unavailable
from shared.identifiers import UserId
from shared.memory import Command, Memory, command

# Ids answered by one read: one pipeline of cards follows.
BATCH = 500
# After a failed read, the next try: Redis may be back at once or in a while.
RETRY_FIRST_S, RETRY_LAST_S = 0.05, 1.0
_BEGINNING = "0-0"

_log = structlog.get_logger()


def doorbell_key(gateway: str) -> str:
    return f"gateway:doorbell:{gateway}"


def ring(gateway: str, user_id: UserId, length_max: int) -> Command:
    """Tell a gateway to read a user's card. Nothing happens if that gateway is gone."""
    length = ("MAXLEN", "~", length_max)
    return command("XADD", doorbell_key(gateway), "NOMKSTREAM", *length, "*", "user", user_id)


def ring_relayed(gateway: str, user_id: UserId, length_max: int) -> Command:
    """Tell a gateway to read what was relayed to a user. Nothing happens if it is gone."""
    rung = ring(gateway, user_id, length_max)
    return command(*rung.words, "relayed", 1)


class Rung(Struct, frozen=True):
    """Whose cards changed, and who was relayed to: each once, in order."""

    cards: tuple[UserId, ...] = ()
    relayed: tuple[UserId, ...] = ()


class Doorbell:
    """The owner's side. `memory` must allow one answer to take `doorbell_block` and more."""

    def __init__(self, memory: Memory, gateway: str, settings: RealtimeSettings) -> None:
        self._memory = memory
        self._key = doorbell_key(gateway)
        self._lifetime_ms = milliseconds(settings.doorbell_lifetime_s)
        self._block_ms = milliseconds(settings.doorbell_block_s)
        self._last = _BEGINNING

    async def keep(self, memory: Memory) -> None:
        """Keep the stream alive, or make it (again). Raises `Unavailable`.

        A stream made again may count from an earlier time than before: read it from its beginning.
        """
        [kept] = await memory.run([command("PEXPIRE", self._key, self._lifetime_ms)])
        if not kept:
            await memory.run(
                [
                    command("XADD", self._key, "*", "user", ""),
                    command("PEXPIRE", self._key, self._lifetime_ms),
                ]
            )
            self._last = _BEGINNING

    async def listen(
        self,
        cards_changed: Callable[[Sequence[UserId]], Awaitable[None]],
        relayed: Callable[[Sequence[UserId]], None],
    ) -> None:
        """For ever: hand on every user id that was rung, each once per batch, in order."""
        retry_s = RETRY_FIRST_S
        while True:
            try:
                rung = await self._read()
                relayed(rung.relayed)
                if rung.cards:
                    await cards_changed(rung.cards)
                retry_s = RETRY_FIRST_S
            except Unavailable as error:
                _log.warning("doorbell.unreadable", error=str(error))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_LAST_S)

    async def _read(self) -> Rung:
        last = self._last
        reading = command(
            *("XREAD", "COUNT", BATCH, "BLOCK", self._block_ms, "STREAMS", self._key, last)
        )
        [streams] = await self._memory.run([reading])
        if not streams:
            return Rung()
        [[_, entries]] = streams
        if self._last == last:
            self._last = entries[-1][0].decode()
        return Rung(
            _users(fields for _, fields in entries if b"relayed" not in fields),
            _users(fields for _, fields in entries if b"relayed" in fields),
        )


def _users(rings: Iterable[Mapping[bytes, bytes]]) -> tuple[UserId, ...]:
    users = dict.fromkeys(fields[b"user"].decode() for fields in rings)
    return tuple(UserId(user) for user in users if user)
