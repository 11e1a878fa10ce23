"""Figures: makes the instruments of this process, and writes down what they show.

The one registry of the process, and the only module that knows the client library. An instrument
lives in the `metrics` module beside what it measures. Names begin with `parley_` and end with their
unit; every label takes its values from a closed list, so that nobody outside can add a series.
"""

import asyncio
from collections.abc import Container, Iterable
from contextlib import AbstractContextManager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

__all__ = ["Counter", "Gauge", "Histogram", "counter", "gauge", "histogram"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"

# What a person waits for while a page is open, and what a call among services takes.
CALLS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# What a person waits for with other things to do; the default time-out is five minutes.
WAITS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
# How old a message is when somebody takes it up: milliseconds, and hours after an outage.
AGES_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
# How long a talk is.
TALKS_S = (10.0, 60.0, 300.0, 600.0, 1200.0, 1800.0, 2400.0, 3600.0)
LAGS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

LAG_INTERVAL_S = 0.25

REGISTRY = CollectorRegistry(auto_describe=True)


def counter(name: str, says: str, *labels: str) -> Counter:
    """`name` without its `_total`, which the client library adds."""
    return Counter(name, says, labels, registry=REGISTRY)


def gauge(name: str, says: str, *labels: str) -> Gauge:
    return Gauge(name, says, labels, registry=REGISTRY)


def histogram(name: str, says: str, *labels: str, buckets: Iterable[float] = CALLS_S) -> Histogram:
    return Histogram(name, says, labels, registry=REGISTRY, buckets=tuple(buckets))


def bounded(value: str, known: Container[str]) -> str:
    """`value` if it is one of those known, else `other`."""
    return value if value in known else OTHER


def exposition() -> bytes:
    """Every instrument as Prometheus reads it: the text format, version 0.0.4."""
    return generate_latest(REGISTRY)


def value(name: str, **labels: str) -> float:
    """What a series shows now, 0 if nothing was ever noted in it; for tests."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def timed(instrument: Histogram, *labels: str) -> AbstractContextManager[object]:
    """Notes how long the block takes, however it ends."""
    return (instrument.labels(*labels) if labels else instrument).time()


async def watch_lag() -> None:
    """For ever: how much later than asked for this process's loop comes round."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_INTERVAL_S
        await asyncio.sleep(LAG_INTERVAL_S)
        _lag.observe(max(0.0, loop.time() - due))


def describe_process(service: str, instance: str) -> None:
    """Which process this is; and the figures of any process: CPU, memory, files, collections."""
    _process.labels(service, instance).set(1)
    ProcessCollector(registry=REGISTRY)
    GCCollector(registry=REGISTRY)


# When a counter began is not worth a series for each. (mypy: the library leaves this untyped.)
disable_created_metrics()  # type: ignore[no-untyped-call]

_process = gauge("parley_process_info", "1: the process of this service and instance.",
                 "service", "instance")  # fmt: skip
_lag = histogram(
    "parley_event_loop_lag_seconds", "How late the event loop comes round.", buckets=LAGS_S
)
