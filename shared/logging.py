"""Structured logs: JSON lines on stdout, with service, instance and what is being handled."""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import stamina
import structlog
from structlog.typing import Processor

from shared import tracing

# They report every lost connection in several lines; the bus reports it in one.
_QUIET = ("aio_pika", "aiormq", "asyncio")
# At debug it tells of every batch of spans that is sent.
_WARNING = ("urllib3",)


def configure(service: str, level: str, instance: str = "") -> None:
    """Send structlog and the standard library's logging to stdout as JSON lines.

    Whoever handles something binds `correlation_id` with `structlog.contextvars`; a line of the
    process itself has the process's. `trace_id` is that of the trace in hand, if there is one.
    """

    def identify(
        _logger: object, _method: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        line["service"] = service
        line["instance"] = instance or service
        line["correlation_id"] = line.get("correlation_id") or line["instance"]
        if trace_id := tracing.trace_id():
            line["trace_id"] = trace_id
        return line

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        identify,
        structlog.processors.format_exc_info,
    ]
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _configure_standard_library(shared, number)
    # Else a lost connection would be a line per publish in flight; the bus logs it once.
    stamina.instrumentation.set_on_retry_hooks([])


class Seldom:
    """A warning that an outage repeats with every call: one line per `pause_s`, saying how many
    were left out since the last."""

    def __init__(
        self, log: Any, pause_s: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._pause_s = pause_s
        self._clock = clock
        self._quiet_until = float("-inf")
        self._left_out = 0

    def warning(self, event: str, **fields: Any) -> None:
        now = self._clock()
        if now < self._quiet_until:
            self._left_out += 1
            return
        self._log.warning(event, left_out=self._left_out, **fields)
        self._quiet_until = now + self._pause_s
        self._left_out = 0


def _configure_standard_library(shared: list[Processor], number: int) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL if name != "asyncio" else logging.ERROR)
    for name in _WARNING:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
