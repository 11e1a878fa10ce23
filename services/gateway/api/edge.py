"""The outermost layer of every HTTP call: origin, correlation id, headers, access log, last resort.

Plain ASGI, because every call pays for it.
"""

import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway import metrics
from services.gateway.api.origins import allowed
from services.gateway.api.problems import problem
from services.gateway.api.settings import ApiSettings
from shared import tracing
from shared.identifiers import new_id
from shared.metrics import bounded

CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
API_PREFIX = "/api/"
# Probes come every few seconds and say nothing while they succeed.
PROBES = frozenset({"/healthz", "/readyz"})
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Idempotency-Key, X-Correlation-Id"
    ),
    "Access-Control-Max-Age": "600",
}
EXPOSED_HEADERS = "Location, Retry-After, X-Correlation-Id, Idempotency-Replayed, WWW-Authenticate"

_log = structlog.get_logger("gateway.access")


class Edge:
    """Wraps the application; WebSockets pass through untouched (they check their own origin)."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = _Exchange(scope, send, headers)
        with structlog.contextvars.bound_contextvars(correlation_id=exchange.correlation_id):
            answer = self._early_answer(scope, headers, exchange)
            if answer is not None:
                await answer(scope, receive, exchange.send)
            else:
                await self._call(scope, receive, exchange)

    def _early_answer(
        self, scope: Scope, headers: Headers, exchange: "_Exchange"
    ) -> Response | None:
        origin = headers.get("origin")
        if not allowed(origin, self._settings):
            return problem("foreign-origin", "Pages of this origin may not call the API.")
        exchange.origin = origin
        if origin and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return Response(status_code=204, headers=PREFLIGHT_HEADERS)
        return None

    async def _call(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        if not scope["path"].startswith(API_PREFIX):
            await self._answer(scope, receive, exchange)
            return
        with tracing.began(
            scope["method"],
            exchange.traceparent,
            http__request__method=scope["method"],
            parley__correlation_id=exchange.correlation_id,
        ):
            await self._answer(scope, receive, exchange)

    async def _answer(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        try:
            await self._app(scope, receive, exchange.send)
        except ClientDisconnect:
            _log.info("call.abandoned", method=scope["method"], path=scope["path"])
        except Exception:
            _log.exception("call.failed", method=scope["method"], path=scope["path"])
            if exchange.status is not None:
                raise
            answer = problem("internal", "Something went wrong on our side; it has been noted.")
            await answer(scope, receive, exchange.send)


class _Exchange:
    """One call's answer on its way out: adds the headers, notes the status, logs at the end."""

    def __init__(self, scope: Scope, send: Send, headers: Headers) -> None:
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        given = headers.get("x-correlation-id", "")
        self.correlation_id = given if CORRELATION_ID.fullmatch(given) else new_id()
        self.traceparent = headers.get("traceparent", "")
        self.origin: str | None = None
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._note()

    def _add_headers(self, headers: MutableHeaders) -> None:
        headers["X-Correlation-Id"] = self.correlation_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers.add_vary_header("Origin")
        if self._scope["path"].startswith(API_PREFIX):
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault(
                "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"
            )
        if self.origin is not None:
            headers["Access-Control-Allow-Origin"] = self.origin
            headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS

    def _note(self) -> None:
        took_s = time.perf_counter() - self._began
        method = bounded(self._scope["method"], metrics.METHODS)
        status = f"{(self.status or 500) // 100}xx"
        route = _route(self._scope)
        metrics.CALLS.labels(method, route, status).observe(took_s)
        tracing.name(
            f"{method} {route}", http__route=route, http__response__status_code=self.status or 500
        )
        if status == "5xx":
            tracing.fail()
        # The path without its query: nothing of what a caller typed stands in a log.
        level = "debug" if self._scope["path"] in PROBES or self._of_web_client() else "info"
        getattr(_log, level)(
            "call.answered",
            method=self._scope["method"],
            path=self._scope["path"],
            status=self.status,
            duration_ms=round(took_s * 1000, 2),
        )

    def _of_web_client(self) -> bool:
        """A page loads its files by the dozen, and each time it is opened."""
        served = self.status is not None and self.status < 400
        return served and not self._scope["path"].startswith(API_PREFIX)


def _route(scope: Scope) -> str:
    """As the contract writes it, `/api/v1/sessions/{session_id}`: never what a caller made up."""
    route = scope.get("route")
    return "none" if route is None else getattr(route, "path", "web client")
