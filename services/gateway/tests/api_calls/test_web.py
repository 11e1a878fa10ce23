import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from services.gateway.api.web import FILES, TYPES, WebClient

PAGE = b"<!doctype html><title>Parley</title>"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    web = tmp_path / "web"
    (web / "ui").mkdir(parents=True)
    (web / "index.html").write_bytes(PAGE)
    (web / "app.css").write_text("p {}")
    (web / "ui" / "call.js").write_text("export {}")
    (web / "texts.json").write_text("{}")
    (web / "icon.svg").write_text("<svg/>")
    (web / ".hidden.js").write_text("secret")
    (web / "notes.txt").write_text("secret")
    (tmp_path / "outside.js").write_text("secret")
    return web


@pytest.fixture
def client(directory: Path) -> httpx2.AsyncClient:
    app = Starlette(routes=[WebClient(directory)])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://parley")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/app.css", "text/css; charset=utf-8"),
        ("/ui/call.js", "text/javascript; charset=utf-8"),
        ("/texts.json", "application/json"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_served_as_what_it_is(
    client: httpx2.AsyncClient, path: str, kind: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


@pytest.mark.parametrize(
    "path",
    [
        "/ui",
        "/ui/",
        "/.hidden.js",
        "/notes.txt",
        "/../outside.js",
        "/%2e%2e/outside.js",
        "/ui/../../outside.js",
        "/ui/..%2f..%2foutside.js",
        "//etc/passwd",
        "/ui%5ccall.js",
        "/app.css%00.js",
        "/app.css%0a",
        "/nowhere.js",
    ],
)
async def test_directories_hidden_files_and_what_lies_outside_are_not_there(
    client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_head_says_all_but_the_content(client: httpx2.AsyncClient) -> None:
    answer = await client.head("/")
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(len(PAGE))
    assert answer.content == b""


async def test_what_a_browser_has_already_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    tag = (await client.get("/")).headers["etag"]
    for given in (tag, f'"other", W/{tag}'):
        answer = await client.get("/", headers={"If-None-Match": given})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == "no-cache"
        assert "content-security-policy" in answer.headers


async def test_a_changed_file_is_seen_at_once(client: httpx2.AsyncClient, directory: Path) -> None:
    tag = (await client.get("/")).headers["etag"]
    (directory / "index.html").write_bytes(PAGE + b"<p>")
    answer = await client.get("/", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (200, PAGE + b"<p>")


async def test_the_page_may_load_only_from_here_and_nobody_may_frame_it(api: Any) -> None:
    answer = await api.client.get("/")
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "media-src": "'self' blob: mediastream:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["permissions-policy"].startswith("microphone=(self)")
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_unknown_paths_and_methods_stay_problem_documents(api: Any) -> None:
    for method, path in (("GET", "/nowhere.js"), ("POST", "/nowhere"), ("GET", "/api/v1/nowhere")):
        await api.refused(404, "not-found", await api.client.request(method, path))
    answer = await api.client.post("/")
    await api.refused(405, "method-not-allowed", answer)
    assert answer.headers["allow"] == "GET, HEAD"
    answer = await api.client.post("/api/v1/languages")
    await api.refused(405, "method-not-allowed", answer)


class References(HTMLParser):
    """What a page loads, and what stands in it that the policy would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        if tag in ("script", "img", "audio", "link"):
            self.loaded += [url for name in ("src", "href") if (url := given.get(name))]


async def test_every_file_of_the_client_is_served_and_the_page_loads_only_those(
    api: Any,
) -> None:
    files = {path for path in FILES.rglob("*") if path.is_file()}
    assert {path.suffix for path in files} <= set(TYPES)
    for path in files:
        answer = await api.client.get(f"/{path.relative_to(FILES)}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), path
    page = References()
    page.feed((FILES / "index.html").read_text())
    assert page.inline == []
    for url in page.loaded:
        assert (await api.client.get(f"/{url.removeprefix('./')}")).status_code == 200, url


def test_no_file_of_the_client_names_another_host() -> None:
    for path in FILES.rglob("*"):
        if path.suffix in (".html", ".css", ".js", ".json", ".svg", ".webmanifest"):
            hosts = re.findall(r"(?:https?|wss?)://([\w.-]+)", path.read_text())
            # The names of XML dialects and examples in comments: nobody loads those.
            foreign = [h for h in hosts if not h.endswith(("w3.org", "localhost", ".example"))]
            assert foreign == [], path
