"""Somebody at the web client: reads it by roles and names, and clicks and types like a person."""

import asyncio
import json
import math
import time
from contextlib import suppress
from typing import Any

from msgspec import Struct
from playwright.async_api import ConsoleMessage, Locator, Page, Response, WebSocket, expect
from playwright.async_api import TimeoutError as Late

from contracts.checking import Untrue, check_frame
from shared.testing import eventually

# Two busy cores, two browsers and a stack: what takes a tenth of this elsewhere.
STEP_LIMIT_S = 20.0
LOAD_LIMIT_S = 40.0
ARRIVALS = 3
HEARD_LIMIT_S = 15.0
ALLOW_TIMEOUT_MS = 1000
STATISTICS = """async () => {
    const found = [];
    for (const connection of window.watchedConnections) {
        if (connection.connectionState === "closed") continue;
        for (const report of (await connection.getStats()).values()) found.push(report);
    }
    return found;
}"""


class Heard(Struct, frozen=True):
    """A frame that came over a socket: which socket of the page's, and when (monotonic)."""

    socket: int
    received_at: float
    body: dict[str, Any]


class Visitor:
    """One page. `frames` is what came over its sockets, `faults` what must not happen, `lost`
    what never arrived."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.id = ""
        self.name = ""
        self.tokens: list[tuple[str, str]] = []
        self.frames: list[Heard] = []
        self.faults: list[str] = []
        self.lost: list[str] = []
        self.sockets = 0
        self.arrived_s = 0.0
        page.set_default_timeout(STEP_LIMIT_S * 1000)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"{self.name}: {error.stack}"))
        page.on("requestfailed", lambda one: self.lost.append(f"{one.url}: {one.failure}"))
        page.on("response", self._response)
        page.on("websocket", self._socket)

    # What the page shows

    async def at(self, step: str, limit_s: float = STEP_LIMIT_S) -> None:
        body = self.page.locator("body")
        try:
            await expect(body).to_have_attribute("data-step", step, timeout=limit_s * 1000)
        except AssertionError as error:
            told = [frame.body for frame in self.frames[-5:]]
            raise AssertionError(f"{self.name}: {error}\n{told}\n{self.lost[-5:]}") from error

    async def go(self, button: str, step: str) -> None:
        """Press it, and be at that step."""
        await self.button(button).click()
        await self.at(step)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def texts(self) -> list[str]:
        """What stands in the conversation beside the call, oldest first."""
        messages = self.page.get_by_role("log", name="Messages").get_by_role("listitem")
        return await messages.get_by_role("paragraph").all_inner_texts()

    # What a person does

    async def arrive(self) -> None:
        """Open the page; and again if the machine's networks changed meanwhile, which ends what
        Chromium is loading."""
        for _ in range(ARRIVALS):
            lost, began = len(self.lost), time.monotonic()
            await self.page.goto(self.url)
            try:
                await expect(self.page.locator("header select")).to_be_visible(
                    timeout=LOAD_LIMIT_S * 1000
                )
            except AssertionError:
                assert any("ERR_NETWORK_CHANGED" in one for one in self.lost[lost:]), self.lost
            else:
                self.arrived_s = time.monotonic() - began
                return

    async def sign_up(self, name: str, native: str, practises: str, level: str = "B1") -> None:
        await self.at("signup")
        self.name = name
        await self.page.get_by_role("textbox", name="Your name").fill(name)
        await self.choose("Languages you speak natively", native)
        await self.choose("Languages you want to practise", practises)
        chosen = self.page.get_by_role("combobox", name=f"Your level in {practises}")
        await chosen.press_sequentially(level)
        await self.button("Create profile").click()
        await self.at("home")

    async def choose(self, picker: str, language: str) -> None:
        """Type a language's name into a picker and take what it offers."""
        box = self.page.get_by_role("combobox", name=picker)
        await box.press_sequentially(language)
        offered = self.page.get_by_role("listbox", name=picker)
        await offered.get_by_role("option", name=language).first.click()
        await expect(self.button(f"Remove {language}")).to_be_visible()

    async def find_partner(self) -> None:
        """From home into the queue, through the microphone's step."""
        await self.button("Find a partner").click()
        await self.at("microphone")
        allow, start = self.button("Allow microphone"), self.button("Start searching")
        async with asyncio.timeout(STEP_LIMIT_S):
            while not await start.is_visible():
                with suppress(Late):  # allowed before, the page goes on without being asked
                    await allow.click(timeout=ALLOW_TIMEOUT_MS)
                    await start.wait_for(timeout=ALLOW_TIMEOUT_MS)
        await start.click()

    async def send(self, text: str) -> None:
        """Write beside the call."""
        box = self.page.get_by_role("textbox", name="Message")
        await box.fill(text)
        await box.press("Enter")

    async def hang_up(self) -> None:
        await self.button("Hang up").click()

    # What a person hears

    async def statistics(self, kind: str) -> list[dict[str, Any]]:
        """The reports of this type of all open connections."""
        return [report for report in await self.every_statistic() if report["type"] == kind]

    async def every_statistic(self) -> list[dict[str, Any]]:
        reports: list[dict[str, Any]] = await self.page.evaluate(STATISTICS)
        return reports

    async def connections(self) -> int:
        """How many peer connections this page has made since it was loaded."""
        count: int = await self.page.evaluate("window.watchedConnections.length")
        return count

    async def energy(self) -> float:
        """What was heard so far over the connections that are open now."""
        inbound = await self.statistics("inbound-rtp")
        return math.fsum(
            one.get("totalAudioEnergy", 0.0) for one in inbound if one["kind"] == "audio"
        )

    async def hears(self, limit_s: float = HEARD_LIMIT_S) -> None:
        """Until more and more sound comes in: three looks, each with more than the one before."""
        seen = 0.0

        async def more() -> None:
            nonlocal seen
            energy, before = await self.energy(), seen
            seen = energy
            assert energy > before, f"{self.name} hears nothing ({energy})"

        end = time.monotonic() + limit_s
        for _ in range(3):
            await eventually(more, deadline_s=max(0.0, end - time.monotonic()))

    # What came over the sockets

    async def hear(self, kind: str, deadline_s: float = STEP_LIMIT_S) -> Heard:
        """The first frame of this type."""

        def first() -> Heard:
            frames = self.heard(kind)
            assert frames, f"{self.name} heard no {kind}"
            return frames[0]

        return await eventually(first, deadline_s)

    def heard(self, kind: str) -> list[Heard]:
        return [frame for frame in self.frames if frame.body["type"] == kind]

    def _socket(self, socket: WebSocket) -> None:
        number, self.sockets = self.sockets, self.sockets + 1

        def receive(message: str | bytes) -> None:
            body = json.loads(message)
            try:
                check_frame(body)
            except Untrue as error:
                self.faults.append(f"{self.name}: {error}")
            self.frames.append(Heard(number, time.monotonic(), body))

        socket.on("framereceived", receive)

    async def _response(self, response: Response) -> None:
        signed_up = response.request.method == "POST" and response.url.endswith("/api/v1/users")
        if signed_up and response.status == 201:
            answer = await response.json()
            self.id = answer["user"]["id"]
            self.tokens.append((response.url.split("/api/")[0], answer["access_token"]))

    def _console(self, message: ConsoleMessage) -> None:
        """What is lost on the way is expected here and there; a broken policy never is."""
        lost = ("Failed to load resource", "WebSocket connection")
        if message.type == "error" and not any(words in message.text for words in lost):
            self.faults.append(f"{self.name}: {message.text}")
