"""How long somebody will wait, from what the matcher measured: an honest figure or none (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from shared.events import PairMeasured

# A median of fewer waits says nothing about the next one.
SAMPLES_MIN = 3
# Who met a partner already waiting did not wait; such waits say nothing to somebody who has to.
WAITED_MIN_S = 1.0

Pairs = Mapping[tuple[str, str], PairMeasured]


def by_pair(measured: Iterable[PairMeasured]) -> Pairs:
    """The figures by (native, practice)."""
    return {(pair.native, pair.practice): pair for pair in measured}


def estimated_wait_s(
    pairs: Pairs, natives: Sequence[str], practices: Sequence[str], waited_s: float = 0.0
) -> float | None:
    """Seconds still to wait for somebody native in `natives` practising `practices`.

    Languages are primary codes. Any of the combinations may be the one that pairs them, so the
    shortest counts. None when there is no honest estimate for any.
    """
    estimates = [
        estimate
        for native in natives
        for practice in practices
        if (estimate := pair_wait_s(pairs, native, practice, waited_s)) is not None
    ]
    return min(estimates, default=None)


def pair_wait_s(pairs: Pairs, native: str, practice: str, waited_s: float = 0.0) -> float | None:
    """Seconds still to wait in one bucket.

    Nothing, for an arrival, when more wait on the other side than on this one. Otherwise the median
    of what recent tickets of this bucket still had to wait once they had waited `waited_s`: who
    has waited long is compared with those who waited longer, never promised "any moment" again.
    """
    own = pairs.get((native, practice))
    other = pairs.get((practice, native))
    if waited_s < WAITED_MIN_S and _waiting(other) > _waiting(own):
        return 0.0
    if own is None:
        return None
    longer = [wait for wait in own.recent_waits_s if wait >= max(waited_s, WAITED_MIN_S)]
    if len(longer) < SAMPLES_MIN:
        return None
    return round(median(longer) - waited_s, 1)


def _waiting(pair: PairMeasured | None) -> int:
    return 0 if pair is None else pair.waiting
