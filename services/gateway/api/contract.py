"""The contract as the API itself shows it: the document, and where each problem is explained."""

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.gateway.api.problems import PROBLEMS, problem
from shared.schemas import Schema

# Whoever looks wants to see what is served now.
CACHING = {"Cache-Control": "no-cache"}


def routes(document: Schema) -> list[Route]:
    """`/openapi.json`, and what the `type` of a problem document leads to."""
    content = encoded(document)

    async def openapi(_: Request) -> Response:
        return Response(content, headers=CACHING, media_type="application/json")

    return [Route("/openapi.json", openapi), Route("/problems/{code}", _explained)]


def encoded(document: Schema) -> bytes:
    """As it is served and as it is kept in `docs/`."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


async def _explained(request: Request) -> Response:
    """To the line of the documentation that says what the problem is."""
    code = request.path_params["code"]
    if code not in PROBLEMS:
        return problem("not-found", "No problem has this name.")
    return RedirectResponse(f"/docs#problem-{code}", 302)
