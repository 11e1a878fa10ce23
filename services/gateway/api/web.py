"""The web client: its files, served as they lie in `web/`, and the headers they are served with."""

import hashlib
import re
from pathlib import Path

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

FILES = Path(__file__).resolve().parents[1] / "web"
INDEX = "index.html"
# Whose index is shown without its name.
FOLDERS = frozenset({"docs"})
METHODS = ("GET", "HEAD")
# A file of another kind is not for browsers and is not served.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
# Nothing hidden, no way up: each part of a path begins with a letter or a digit.
PATH = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.-]*/)*[A-Za-z0-9][A-Za-z0-9_.-]*")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob: mediastream:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    # Asked for anew each time, answered 304 by its tag: a release is seen at the next load.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}


class _Kept(Struct, frozen=True):
    """A file's content while its `stamp` (size and time of change) stays the same."""

    stamp: tuple[int, int]
    content: bytes
    tag: str


class WebClient(BaseRoute):
    """The last route: takes a path if there is a file for it, so that all else is a 404 or 405."""

    def __init__(self, directory: Path = FILES) -> None:
        self._directory = directory
        self._kept: dict[Path, _Kept] = {}  # As many as there are files.

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = self._file(scope["path"]) if scope["type"] == "http" else None
        if path is None:
            return Match.NONE, {}
        return Match.FULL if scope["method"] in METHODS else Match.PARTIAL, {"web_file": path}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in METHODS:
            raise HTTPException(405, headers={"Allow": ", ".join(METHODS)})
        await self._answer(Request(scope), scope["web_file"])(scope, receive, send)

    def _file(self, path: str) -> Path | None:
        name = path.removeprefix("/") or INDEX
        if name in FOLDERS:
            name = f"{name}/{INDEX}"
        file = self._directory / name
        there = PATH.fullmatch(name) and file.suffix in TYPES and file.is_file()
        return file if there else None

    def _answer(self, request: Request, file: Path) -> Response:
        kept = self._read(file)
        headers = {**HEADERS, "ETag": kept.tag}
        if kept.tag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return Response(kept.content, headers={**headers, "Content-Type": TYPES[file.suffix]})

    def _read(self, file: Path) -> _Kept:
        status = file.stat()
        stamp = (status.st_size, status.st_mtime_ns)
        kept = self._kept.get(file)
        if kept is None or kept.stamp != stamp:
            content = file.read_bytes()
            # Of the content alone, so that all replicas say the same.
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            kept = self._kept[file] = _Kept(stamp, content, tag)
        return kept


def _tags(if_none_match: str) -> set[str]:
    """Those a browser has; weak comparison, as RFC 9110 asks of If-None-Match."""
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
