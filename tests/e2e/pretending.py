"""What a test makes a page believe: that nobody looks, that there is no microphone, and so on."""

import json
from typing import Any

from playwright.async_api import Route, WebSocketRoute

from tests.e2e.replica import ROOT
from tests.e2e.visitor import Visitor

TEXTS = ROOT / "services" / "gateway" / "web" / "texts"

# Kept over a reload, as the world is.
SCRIPT = """
window.pretended = JSON.parse(sessionStorage.getItem("pretended") ?? "{}");
Object.defineProperty(Document.prototype, "hidden", {
    get: () => window.pretended.hidden ?? false,
});
const devices = MediaDevices.prototype;
const { getUserMedia } = devices;
devices.getUserMedia = async function (...wanted) {
    const error = window.pretended.microphone;
    if (error) throw new DOMException("pretended", error);
    const stream = await getUserMedia.apply(this, wanted);
    window.lastStream = stream;
    return stream;
};
const { query } = Permissions.prototype;
Permissions.prototype.query = function (what) {
    return window.pretended.asks ? Promise.resolve({ state: "prompt" }) : query.call(this, what);
};
const { play } = HTMLMediaElement.prototype;
HTMLMediaElement.prototype.play = function () {
    if (!window.pretended.silent || this.muted) return play.call(this);
    this.pause();
    return Promise.reject(new DOMException("pretended", "NotAllowedError"));
};
"""
PRETEND = """what => {
    Object.assign(window.pretended, what);
    sessionStorage.setItem("pretended", JSON.stringify(window.pretended));
    document.dispatchEvent(new Event("visibilitychange"));
}"""
LOSE = """() => {
    const [track] = window.lastStream.getAudioTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
}"""


async def pretend(visitor: Visitor, **what: Any) -> None:
    """`hidden`: nobody looks. `microphone`: the name of the error it gives, or None. `asks`: the
    browser asks before it gives it. `silent`: sound wants a gesture first."""
    await visitor.page.evaluate(PRETEND, what)


async def lose_microphone(visitor: Visitor) -> None:
    await visitor.page.evaluate(LOSE)


async def ask_for_a_second(route: Route) -> None:
    """The page's wish for a partner, but with little patience."""
    body = json.loads(route.request.post_data or "{}")
    await route.continue_(post_data=json.dumps({**body, "timeout": "1s"}))


async def know_no_relay(route: Route) -> None:
    """What a gateway answers that has none."""
    problem = {"type": "/problems/relay-unavailable", "status": 422, "detail": "There is none."}
    content = json.dumps({**problem, "title": "No relay"})
    await route.fulfill(status=422, content_type="application/problem+json", body=content)


async def say_it_from_here(route: Route) -> None:
    """The client's texts, also while the gateway is out of reach."""
    await route.fulfill(path=TEXTS / route.request.url.rpartition("/texts/")[2])


def say_nothing(socket: WebSocketRoute) -> None:
    """A gateway that lets in and is silent."""


def stop_for_good(socket: WebSocketRoute) -> None:
    """What a gateway does that was told nonsense: the client must not come back."""
    socket.on_message(lambda _: socket.close(code=4500, reason="bad frame"))


def find_it_was_away(socket: WebSocketRoute) -> None:
    """The real gateway, which says that a page was away for too long as soon as it asked."""
    server = socket.connect_to_server()

    def pass_on(message: str | bytes) -> None:
        socket.send(message)
        frame = json.loads(message)
        if frame["type"] == "match.waiting" or frame.get("request"):
            request_id = frame.get("request_id") or frame["request"]["request_id"]
            over = {"type": "match.cancelled", "version": 1_000_000, "reason": "offline"}
            socket.send(json.dumps({**over, "request_id": request_id}))

    server.on_message(pass_on)
