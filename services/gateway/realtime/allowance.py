"""How many frames a socket may still send: a bucket that fills at a steady rate. Pure."""

from collections.abc import Callable


class Allowance:
    """`rate_per_s` on average, `burst` at once; `clock` counts seconds."""

    def __init__(self, rate_per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()

    def take(self) -> bool:
        """Whether there is one left; takes it if so."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate_per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
