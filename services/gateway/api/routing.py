"""The map of the API: which function answers which call, who may call, what it is charged."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.gateway.api import (
    contract,
    health,
    languages,
    match,
    openapi,
    queue,
    safety,
    sessions,
    socket,
    users,
)
from services.gateway.api.addresses import Addresses
from services.gateway.api.bodies import BodyTooLarge, RefusedUpload
from services.gateway.api.dependencies import Call, Dependencies, UserCall
from services.gateway.api.edge import Edge
from services.gateway.api.openapi import Documented
from services.gateway.api.operations import operation_of
from services.gateway.api.problems import of_refusal, of_unavailable, problem
from services.gateway.api.web import WebClient
from shared.errors import Refused, Unavailable

PREFIX = "/api/v1"

# What any call may be refused for, and those that are charged, or whose caller must be known.
EVERYBODY = ("foreign-origin", "internal")
CHARGED = (*EVERYBODY, "too-many-requests")
USERS = (*CHARGED, "missing-token", "invalid-token", "expired-token", "unavailable")

Serve = Callable[[Dependencies, Addresses, Request], Awaitable[Response]]
Answer = Callable[[Call], Awaitable[Response]]
UserAnswer = Callable[[UserCall], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a call is served, the function that answers it, and what its caller may be refused."""

    serve: Serve
    answer: Callable[[Any], Awaitable[Response]]
    problems: tuple[str, ...]


def application(parts: Dependencies, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The whole ASGI application: the API, the probes, the web client, and the routes in `more`
    (the WebSocket)."""
    app = Starlette(
        routes=[*routes(parts), *more, WebClient()],
        middleware=[Middleware(Edge, settings=parts.settings)],
        exception_handlers={
            Refused: _refused,
            BodyTooLarge: partial(_too_large, parts),
            Unavailable: _unavailable,
            HTTPException: _unrouted,
        },
    )
    # A redirect to the other spelling would drop the body of a POST and name a host.
    app.router.redirect_slashes = False
    return app


def routes(parts: Dependencies) -> list[BaseRoute]:
    """One route a path, so that a 405 names every method the path takes."""
    addresses = Addresses(parts.settings.trusted_proxies)
    served = [
        Route(path, partial(_dispatch, parts, addresses, methods), methods=list(methods))
        for path, methods in paths().items()
    ]
    return [*served, *contract.routes(openapi.document(documented()))]


def paths() -> dict[str, Mapping[str, Endpoint]]:
    """Everything but the web client and the WebSocket, by path and method."""
    return {**{PREFIX + path: methods for path, methods in CALLS.items()}, **PROBES}


def documented() -> Iterator[Documented]:
    """Every call that declares what it takes and answers."""
    for path, methods in paths().items():
        for method, endpoint in methods.items():
            operation = operation_of(endpoint.answer)
            if operation is not None:
                secured = endpoint.problems is USERS
                yield Documented(path, method, operation, endpoint.problems, secured)


async def _dispatch(
    parts: Dependencies, addresses: Addresses, methods: Mapping[str, Endpoint], request: Request
) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    return await methods[method].serve(parts, addresses, request)


def _anyone(answer: Answer) -> Endpoint:
    async def endpoint(parts: Dependencies, addresses: Addresses, request: Request) -> Response:
        await parts.limits.admit(parts.limits.of_address(addresses.of(request.scope)))
        return await answer(Call(request, parts))

    return Endpoint(endpoint, answer, CHARGED)


def _newcomer(answer: Answer) -> Endpoint:
    async def endpoint(parts: Dependencies, addresses: Addresses, request: Request) -> Response:
        address, limits = addresses.of(request.scope), parts.limits
        await limits.admit(limits.of_registrations(address), limits.of_address(address))
        return await answer(Call(request, parts))

    return Endpoint(endpoint, answer, CHARGED)


def _user(answer: UserAnswer) -> Endpoint:
    async def endpoint(parts: Dependencies, addresses: Addresses, request: Request) -> Response:
        limits, by_address = parts.limits, parts.limits.of_address(addresses.of(request.scope))
        try:
            user_id = parts.tokens.read_access(_bearer_token(request))
        except Refused:
            await limits.admit(by_address)  # trying tokens costs as much as using one
            raise
        structlog.contextvars.bind_contextvars(user_id=user_id)
        # Any authenticated call is a sign of life.
        sign_of_life = parts.presence.renewing([user_id])
        await limits.admit(limits.of_user(user_id), by_address, besides=[sign_of_life])
        return await answer(UserCall(request, parts, user_id))

    return Endpoint(endpoint, answer, USERS)


def _probe(answer: Answer) -> Endpoint:
    async def endpoint(parts: Dependencies, _: Addresses, request: Request) -> Response:
        return await answer(Call(request, parts))

    return Endpoint(endpoint, answer, EVERYBODY)


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused("missing-token", "Send an access token: Authorization: Bearer …")
    return token.strip()


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return of_refusal(error)


async def _too_large(parts: Dependencies, _: Request, error: Exception) -> RefusedUpload:
    assert isinstance(error, BodyTooLarge)
    return RefusedUpload(of_refusal(error), parts.settings)


async def _unavailable(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    return of_unavailable(error)


async def _unrouted(request: Request, error: Exception) -> Response:
    """What the router itself refuses: 404 and 405. A plain OPTIONS asks what a path takes."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=error.headers)
        detail = f"{request.url.path} does not take {request.method}."
        return problem("method-not-allowed", detail, headers=error.headers)
    return problem("not-found", f"There is nothing at {request.url.path}.")


CALLS: Mapping[str, Mapping[str, Endpoint]] = {
    "/users": {"POST": _newcomer(users.register)},
    "/users/me": {
        "GET": _user(users.read),
        "PATCH": _user(users.change),
        "DELETE": _user(users.erase),
    },
    "/tokens": {"POST": _anyone(users.renew_tokens)},
    "/match/request": {
        "POST": _user(match.open_request),
        "GET": _user(match.pending),
        "DELETE": _user(match.cancel),
    },
    "/match/request/{request_id}": {"GET": _user(match.read)},
    "/queue/status": {"GET": _anyone(queue.status)},
    "/ws": {"GET": _anyone(socket.plain)},
    "/languages": {"GET": _anyone(languages.offered)},
    "/sessions": {"GET": _user(sessions.history)},
    "/sessions/{session_id}": {"GET": _user(sessions.read)},
    "/sessions/{session_id}/feedback": {"POST": _user(sessions.rate)},
    "/reports": {"POST": _user(safety.report)},
    "/blocks": {"GET": _user(safety.blocks)},
    "/blocks/{user_id}": {"PUT": _user(safety.block), "DELETE": _user(safety.unblock)},
}

PROBES: Mapping[str, Mapping[str, Endpoint]] = {
    "/healthz": {"GET": _probe(health.alive)},
    "/readyz": {"GET": _probe(health.ready)},
}
