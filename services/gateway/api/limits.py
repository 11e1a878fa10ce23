"""Rate limits, counted in Redis so that all gateways share them.

Availability over throttling: while Redis does not answer, every call is admitted.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct

from services.gateway import metrics
from services.gateway.api.settings import ApiSettings
from shared.errors import Refused, Unavailable
from shared.logging import Seldom
from shared.memory import Command, Memory, Script

PERIOD_US = 60_000_000
ADMIT = Script.load(__package__, "admit")


class Charge(Struct, frozen=True):
    """One call counted against the limit `name` of `subject` (a user, an address)."""

    name: str
    subject: str
    per_minute: int

    @property
    def key(self) -> str:
        return f"gateway:limit:{self.name}:{self.subject}"


class Limits:
    """Charges calls; each limit is a minute's allowance that may be used in one burst."""

    def __init__(
        self, memory: Memory, settings: ApiSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._memory = memory
        self._settings = settings
        self._clock = clock
        self._paused_until = 0.0
        # Calls in flight find Redis gone together.
        self._log = Seldom(structlog.get_logger(__name__), settings.limit_pause_s, clock)

    def of_address(self, address: str) -> Charge:
        return Charge("address", address, self._settings.limit_address_per_minute)

    def of_registrations(self, address: str) -> Charge:
        return Charge("register", address, self._settings.limit_registrations_per_minute)

    def of_user(self, user_id: str) -> Charge:
        return Charge("user", user_id, self._settings.limit_user_per_minute)

    async def admit(self, *charges: Charge, besides: Sequence[Command] = ()) -> None:
        """Count the call against all limits in one round trip. Refused: `too-many-requests`.

        `besides` rides along, whatever comes of the call; lost when Redis does not answer.
        """
        waits_us = await self._waits_us(charges, besides)
        if any(waits_us):
            charge, wait_us = max(zip(charges, waits_us, strict=True), key=lambda pair: pair[1])
            metrics.LIMITED.labels(charge.name).inc()
            raise Refused(
                "too-many-requests",
                f"At most {charge.per_minute} calls a minute; come back a little later.",
                {"limit": charge.name, "retry_after_s": str(wait_us / 1e6)},
            )

    async def _waits_us(self, charges: tuple[Charge, ...], besides: Sequence[Command]) -> list[int]:
        nothing = [0] * len(charges)
        if self._clock() < self._paused_until:
            return nothing
        calls = [ADMIT.call([charge.key], [charge.per_minute, PERIOD_US]) for charge in charges]
        try:
            async with asyncio.timeout(self._settings.limit_timeout_s):
                answers = await self._memory.run([*calls, *besides])
                return answers[: len(charges)]
        except (Unavailable, TimeoutError) as error:
            pause_s = self._settings.limit_pause_s
            self._paused_until = self._clock() + pause_s
            metrics.LIMITS_OPEN.inc()
            self._log.warning("limits.open", error=repr(error), pause_s=pause_s)
            return nothing
