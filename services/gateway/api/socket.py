"""What a plain GET of the WebSocket's path is told; the socket itself is in `realtime`."""

from starlette.responses import Response

from services.gateway.api.dependencies import Call
from services.gateway.api.problems import problem


async def plain(_: Call) -> Response:
    """426 `upgrade-required`; RFC 9110, section 15.5.22, wants the protocol named."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    detail = "Open a WebSocket here, with the subprotocol parley.v1."
    return problem("upgrade-required", detail, headers=headers)
