"""Is this gateway alive, and can it work? For load balancers and `make up`."""

from starlette.responses import Response

from services.gateway.api.answers import ok
from services.gateway.api.dependencies import Call


async def alive(_: Call) -> Response:
    """200 while the process answers at all."""
    return ok({"alive": True})


async def ready(call: Call) -> Response:
    """200 when every server is reachable, else 503; `checks` names which are not."""
    readiness = await call.parts.ops.readiness()
    headers = {} if readiness.ready else {"Retry-After": "2"}
    return ok(readiness, 200 if readiness.ready else 503, headers)
