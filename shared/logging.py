"""Structured logs: JSON lines on stdout, with service, instance and what is being handled."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import stamina
import structlog
from structlog.typing import Processor

# They report every lost connection in several lines; the bus reports it in one.
_QUIET = ("aio_pika", "aiormq", "asyncio")


def configure(service: str, level: str, instance: str = "") -> None:
    """Send structlog and the standard library's logging to stdout as JSON lines.

    Handlers bind `correlation_id` (and `event_id`) with `structlog.contextvars`.
    """

    def identify(
        _logger: object, _method: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        line["service"] = service
        line["instance"] = instance or service
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
