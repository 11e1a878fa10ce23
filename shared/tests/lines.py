"""The log of this process as a test reads it: each line with what was bound when it was written."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

Lines = list[dict[str, Any]]


@contextmanager
def lines_written() -> Iterator[Lines]:
    written: Lines = []

    def write(_logger: object, method: str, line: MutableMapping[str, Any]) -> str:
        written.append({**line, "level": method})
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, write])
    try:
        yield written
    finally:
        structlog.reset_defaults()
