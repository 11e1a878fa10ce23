"""A gateway's doorbell: a capped stream of user ids whose cards changed.

Rung by any gateway, read by its owner with a blocking read on a connection of its own. The owner
makes the stream and keeps it alive; a ring at the door of a gateway that is gone does nothing.
A lost ring costs at most one refresh.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

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

    async def listen(self, rung: Callable[[Sequence[UserId]], Awaitable[None]]) -> None:
        """For ever: hand every user id that was rung to `rung`, each once per batch, in order."""
        retry_s = RETRY_FIRST_S
        while True:
            try:
                if user_ids := await self._read():
                    await rung(user_ids)
                retry_s = RETRY_FIRST_S
            except Unavailable as error:
                _log.warning("doorbell.unreadable", error=str(error))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_LAST_S)

    async def _read(self) -> list[UserId]:
        last = self._last
        reading = command(
            *("XREAD", "COUNT", BATCH, "BLOCK", self._block_ms, "STREAMS", self._key, last)
        )
        [streams] = await self._memory.run([reading])
        if not streams:
            return []
        [[_, entries]] = streams
        if self._last == last:
            self._last = entries[-1][0].decode()
        users = dict.fromkeys(fields[b"user"].decode() for _, fields in entries)
        return [UserId(user) for user in users if user]
