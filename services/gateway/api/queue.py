"""What waits in the pool, as the matcher last measured it."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from starlette.responses import Response

from services.gateway.api.answers import ok
from services.gateway.api.dependencies import Call, Dependencies
from services.gateway.api.operations import operation
from services.gateway.estimates import estimated_wait_s, pair_wait_s
from shared.domain import Practice
from shared.languages import primary


class PairStatus(Struct, frozen=True, kw_only=True):
    """Users native in `native` practising `practice`: how many, how long one more waits."""

    native: str
    practice: str
    waiting: int
    estimated_wait_s: float | None


class QueueStatus(Struct, frozen=True, kw_only=True):
    """`measured_at` is null and nothing is listed when no matcher has measured lately."""

    measured_at: datetime | None
    waiting: int
    pairs: tuple[PairStatus, ...]


@operation("See who waits", {200: QueueStatus})
async def status(call: Call) -> Response:
    """How many wait per language pair, the longest queue first."""
    figures = await call.parts.aside(call.parts.figures.read(), None)
    if figures is None:
        return ok(QueueStatus(measured_at=None, waiting=0, pairs=()))
    listed = [
        PairStatus(
            native=pair.native,
            practice=pair.practice,
            waiting=pair.waiting,
            estimated_wait_s=pair_wait_s(figures.pairs, pair.native, pair.practice),
        )
        for pair in figures.pairs.values()
    ]
    listed.sort(key=lambda pair: (-pair.waiting, pair.native, pair.practice))
    waiting = sum(pair.waiting for pair in listed)
    return ok(QueueStatus(measured_at=figures.measured_at, waiting=waiting, pairs=tuple(listed)))


async def estimate(
    parts: Dependencies,
    natives: Sequence[str],
    practices: Sequence[Practice],
    waited_s: float = 0.0,
) -> float | None:
    """Seconds still to wait with these languages (tags); None when there is no honest estimate."""
    figures = await parts.aside(parts.figures.read(), None)
    if figures is None:
        return None
    return estimated_wait_s(
        figures.pairs,
        [primary(tag) for tag in natives],
        [primary(practice.language) for practice in practices],
        waited_s,
    )
