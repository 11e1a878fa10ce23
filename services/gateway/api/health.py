"""Is this gateway alive, and can it work? For load balancers and `make up`."""

from msgspec import Struct
from starlette.responses import Response

from services.gateway.api.answers import ok
from services.gateway.api.dependencies import Call
from services.gateway.api.operations import operation
from shared.ops import Readiness


class Alive(Struct, frozen=True):
    alive: bool = True


@operation("Is this gateway alive?", {200: Alive})
async def alive(_: Call) -> Response:
    """Yes, while the process answers at all."""
    return ok(Alive())


@operation("Can this gateway work?", {200: Readiness, 503: Readiness})
async def ready(call: Call) -> Response:
    """When every server is reachable; `checks` names which are not."""
    readiness = await call.parts.ops.readiness()
    headers = {} if readiness.ready else {"Retry-After": "2"}
    return ok(readiness, 200 if readiness.ready else 503, headers)
