"""The `Idempotency-Key` of a POST."""

import hashlib
import re

from starlette.requests import Request

from shared.domain import Idempotency
from shared.errors import Refused

KEY = re.compile(r"[\x21-\x7e]{1,255}")


def read(request: Request, operation: str, body: bytes) -> Idempotency | None:
    """The key of this call, if it has one; `operation` is its method and path under `/api/v1`.

    Refused: `invalid-idempotency-key`.
    """
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not KEY.fullmatch(keys[0]):
        detail = "An Idempotency-Key is sent once and has 1 to 255 visible ASCII characters."
        raise Refused("invalid-idempotency-key", detail)
    digest = hashlib.sha256(body).hexdigest()
    return Idempotency(key=keys[0], operation=operation, body_sha256=digest)
