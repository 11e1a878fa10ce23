import asyncio
import contextlib
import time
import uuid

from shared import metrics
from shared.testing import eventually


def name() -> str:
    """One registry serves the whole process, so each test makes instruments of its own."""
    return f"parley_test_{uuid.uuid4().hex}"


def test_what_was_noted_is_written_down() -> None:
    counted, timed = name(), f"{name()}_seconds"
    metrics.counter(counted, "Things.", "kind").labels("good").inc()
    metrics.histogram(timed, "Times.", buckets=(1, 2)).observe(1.5)
    lines = metrics.exposition().decode().splitlines()
    assert f'{counted}_total{{kind="good"}} 1.0' in lines
    assert f'{timed}_bucket{{le="2.0"}} 1.0' in lines
    assert not [
        line for line in lines if line.startswith((f"{counted}_created", f"{timed}_created"))
    ]


def test_a_series_that_nobody_noted_anything_in_shows_nothing() -> None:
    counted = name()
    metrics.counter(counted, "Things.", "kind")
    assert metrics.value(f"{counted}_total", kind="good") == 0


def test_a_label_takes_no_value_from_outside() -> None:
    assert metrics.bounded("GET", {"GET", "POST"}) == "GET"
    assert metrics.bounded("BREW", {"GET", "POST"}) == "other"


def test_a_block_is_timed_however_it_ends() -> None:
    timed = f"{name()}_seconds"
    instrument = metrics.histogram(timed, "Times.", "what")
    with contextlib.suppress(ValueError), metrics.timed(instrument, "bad"):
        raise ValueError
    assert metrics.value(f"{timed}_count", what="bad") == 1


async def test_a_loop_that_is_held_up_shows() -> None:
    series = "parley_event_loop_lag_seconds"

    def late() -> float:
        return metrics.value(f"{series}_count") - metrics.value(f"{series}_bucket", le="0.1")

    before = late()
    watching = asyncio.create_task(metrics.watch_lag())
    await asyncio.sleep(0)  # It has begun to wait.
    time.sleep(metrics.LAG_INTERVAL_S + 0.2)  # noqa: ASYNC251 - the very fault

    def seen() -> None:
        assert late() == before + 1

    await eventually(seen)
    watching.cancel()
