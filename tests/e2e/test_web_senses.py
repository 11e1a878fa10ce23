"""The web client without a mouse and without looking: keys, the focus, what is read out, alerts."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import WebSocketRoute, expect

from shared.testing import eventually
from tests.e2e import pretending
from tests.e2e.browsers import Browsers
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.pretending import pretend
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

# A browser and a stack on a busy machine: several times what they take on an idle one.
pytestmark = pytest.mark.timeout(400)

# Headless browsers show no notifications, and what was read out is gone after a while.
NOTICING = """
window.notified = [];
window.Notification = class {
    static permission = "granted";
    constructor(title, options) {
        this.shown = { title, body: options.body };
        window.notified.push(this.shown);
    }
    close() {
        this.shown.closed = true;
    }
};
window.readOut = [];
addEventListener("DOMContentLoaded", () => {
    for (const region of document.querySelectorAll("[role=alert], [role=status]")) {
        const heard = (changes) => {
            for (const { addedNodes } of changes)
                for (const { textContent } of addedNodes) window.readOut.push(textContent);
        };
        new MutationObserver(heard).observe(region, { childList: true });
    }
});
"""


class Whisper:
    """The real gateway, and what a test adds to its words."""

    def __init__(self) -> None:
        self._socket: WebSocketRoute | None = None

    def __call__(self, socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        self._socket = socket

    def say(self, **frame: Any) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps(frame))


@pytest_asyncio.fixture
async def people(web: Stack) -> AsyncIterator[Crowd]:
    async with crowd(web.urls) as people:
        yield people


async def reader(browsers: Browsers, web: Stack) -> Visitor:
    return await browsers.visit(web.urls[0], script=pretending.SCRIPT + NOTICING)


async def read_out(visitor: Visitor, text: str) -> None:
    async def heard() -> None:
        assert text in await visitor.page.evaluate("window.readOut")

    await eventually(heard)


async def focused_on(visitor: Visitor, title: str) -> None:
    await expect(visitor.page.get_by_role("heading", level=1, name=title)).to_be_focused()


async def partner(visitor: Visitor, people: Crowd) -> tuple[Person, str]:
    """Somebody who fits, found; the session."""
    ben = await people.arrive("Ben", speaks("en", "es"))
    await ben.ask()
    await visitor.at("found")
    return ben, (await ben.hear("match.found"))["session_id"]


async def test_languages_are_chosen_and_a_profile_made_by_keys_alone(
    web: Stack, browsers: Browsers
) -> None:
    page = (ana := await reader(browsers, web)).page
    await page.get_by_role("textbox", name="Your name").focus()
    await page.keyboard.type("Ana")
    box = page.get_by_role("combobox", name="Languages you speak natively")
    for _ in range(5):
        await page.keyboard.press("Tab")
        if await box.evaluate("box => box === document.activeElement"):
            break
    await expect(box).to_be_focused()
    await page.keyboard.type("s")
    options = page.get_by_role("listbox", name="Languages you speak natively").get_by_role("option")
    for key, number in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("ArrowUp", 0)):
        await page.keyboard.press(key)
        id = await options.nth(number).get_attribute("id")
        await expect(box).to_have_attribute("aria-activedescendant", id or "")
        await expect(options.nth(number)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Escape")
    await expect(box).to_have_attribute("aria-expanded", "false")
    await page.keyboard.type("panish")
    await page.keyboard.press("Enter")
    await expect(ana.button("Remove Spanish")).to_be_visible()
    await read_out(ana, "Spanish added.")
    practised = page.get_by_role("combobox", name="Languages you want to practise")
    await practised.focus()
    await page.keyboard.type("English")
    await page.keyboard.press("Enter")
    await page.get_by_role("combobox", name="Your level in English").press_sequentially("B1")
    await ana.button("Create profile").press("Enter")
    await ana.at("home")
    await focused_on(ana, "Hello, Ana")


async def test_a_match_that_nobody_looks_at_is_notified_until_somebody_does(
    web: Stack, browsers: Browsers, people: Crowd
) -> None:
    ana = await reader(browsers, web)
    await ana.sign_up("Ana", native="Spanish", practises="English")
    await ana.find_partner()
    await ana.at("waiting")
    await pretend(ana, hidden=True)
    await partner(ana, people)
    await focused_on(ana, "Your partner: Ben")
    [shown] = await ana.page.evaluate("window.notified")
    assert shown["title"] == "Partner found"
    assert shown["body"].startswith("Ben is waiting for you. Join within 0:")
    await read_out(ana, "Partner found: Ben. You practise English.")
    await pretend(ana, hidden=False)
    [shown] = await ana.page.evaluate("window.notified")
    assert shown["closed"]


async def test_turns_losses_and_the_end_are_read_out(
    web: Stack, browsers: Browsers, people: Crowd
) -> None:
    ana, whisper = await reader(browsers, web), Whisper()
    await ana.page.route_web_socket("**/ws", whisper)
    await ana.page.reload()
    await ana.sign_up("Ana", native="Spanish", practises="English")
    await ana.find_partner()
    await ana.at("waiting")
    await pretend(ana, hidden=True)
    ben, session_id = await partner(ana, people)
    turn = {"number": 1, "language": "en", "level": "B1"}
    now = {"since": "2026-11-22T12:10:12Z", "until": "2026-11-22T12:20:12Z"}
    whisper.say(type="session.turn", version=0, session_id=session_id, turn=turn | now, topics=None)
    await read_out(ana, "The language changes: speak English now.")
    for frame, text in (("away", "Ben has lost the connection."), ("back", "Ben is back.")):
        whisper.say(type=f"peer.{frame}", session_id=session_id)
        await read_out(ana, text)
    await ben.say(type="session.decline", session_id=session_id)
    await read_out(ana, "The talk with Ben is over.")
    await read_out(ana, "We are looking for another partner.")
    await ana.at("requeued")
    await focused_on(ana, "Looking for another partner")
    await pretending.lose_microphone(ana)
    await read_out(ana, "The microphone is gone.")
