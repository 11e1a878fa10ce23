"""What people were promised to wait, kept to be compared with how long they waited."""

import time
from collections.abc import Callable

from services.gateway import metrics
from shared.identifiers import RequestId

KEPT_MAX = 10_000
"""Who asks last is matched last: what is older than so many others was never matched here."""


class Promises:
    """Of requests that this process answered and whose match it hears of: a fair sample of all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[RequestId, tuple[float, float]] = {}

    def give(self, request_id: RequestId, estimated_s: float | None) -> None:
        """Somebody was told this estimate, or that there is none."""
        metrics.ESTIMATES.labels("no" if estimated_s is None else "yes").inc()
        if estimated_s is None:
            return
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[request_id] = self._clock(), estimated_s

    def matched(self, request_id: RequestId) -> None:
        """The first time counts; of others nothing is known."""
        given = self._kept.pop(request_id, None)
        if given is None:
            return
        at, estimated_s = given
        real_s = self._clock() - at
        metrics.ESTIMATED.observe(estimated_s)
        metrics.REAL.observe(real_s)
        metrics.ERROR.labels("later" if real_s > estimated_s else "sooner").observe(
            abs(real_s - estimated_s)
        )
