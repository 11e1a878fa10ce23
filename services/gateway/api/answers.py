"""The answers of calls that went well: JSON of a struct, or nothing."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.background import BackgroundTask
from starlette.responses import Response


def ok(
    value: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    after: BackgroundTask | None = None,
) -> Response:
    """`value` (a struct) as JSON; `after` runs when the answer is on its way."""
    return Response(msgspec.json.encode(value), status, headers, "application/json", after)


def nothing(after: BackgroundTask | None = None) -> Response:
    """204."""
    return Response(status_code=204, background=after)
