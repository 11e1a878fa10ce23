"""Numbers as people and machines read them: one table line each, and one line of JSON."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one in between."""
    assert sorted_values
    rank = max(1, -(-len(sorted_values) * share // 1))
    return sorted_values[int(rank) - 1]


def spread(values_s: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max in milliseconds."""
    ordered = sorted(values_s)
    shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(ordered, share) * 1000, 2) for name, share in shares.items()}


def line(what: str, values_s: Sequence[float]) -> None:
    """One row: what was measured and its spread."""
    cells = "  ".join(f"{name} {value:8.2f}" for name, value in spread(values_s).items())
    print(f"{what:<44}{cells}  ms")


def as_json(**figures: Any) -> None:
    """The last line of every scenario."""
    sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
    sys.stdout.flush()
