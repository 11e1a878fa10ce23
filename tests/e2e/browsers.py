"""Chromiums for tests: a process and a profile for each person, with microphones that hum."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx2
from playwright.async_api import Browser, Playwright, ViewportSize, async_playwright

from tests.e2e.visitor import Visitor

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=740)
# Nothing here touches the autoplay policy: it is the one people have.
FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    # On a machine without a network, peers meet on loopback.
    "--allow-loopback-in-peer-connection",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
AS_ROOT = ("--no-sandbox",)
# Puts every peer connection of a page where `Visitor.heard` finds it; the product knows nothing.
WATCHING = """
window.watchedConnections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
        super(...given);
        window.watchedConnections.push(this);
    }
};
"""
ERASE_TIMEOUT_S = 10.0


class Browsers:
    """Opens a browser per person and closes them all at the end."""

    def __init__(self, playwright: Playwright, stack: AsyncExitStack) -> None:
        self._playwright = playwright
        self._stack = stack
        self.visitors: list[Visitor] = []

    async def visit(
        self,
        url: str,
        *,
        language: str = "en-GB",
        size: ViewportSize = DESKTOP,
        script: str = "",
        **context: Any,
    ) -> Visitor:
        """Somebody who opens `url` in a browser of their own. `script` runs before the page's."""
        browser = await self._launch()
        profile = await browser.new_context(locale=language, viewport=size, **context)
        await profile.add_init_script(WATCHING + script)
        visitor = Visitor(await profile.new_page(), url)
        self.visitors.append(visitor)
        await visitor.arrive()
        return visitor

    async def _launch(self) -> Browser:
        path = shutil.which("chromium")
        assert path is not None, "chromium is not installed, run: make prepare-tests"
        browser = await self._playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, *(AS_ROOT if os.geteuid() == 0 else ())]
        )
        self._stack.push_async_callback(browser.close)
        return browser

    async def erase(self) -> None:
        """Whoever signed up leaves nothing behind that people of other tests could meet."""
        async with httpx2.AsyncClient(timeout=ERASE_TIMEOUT_S, trust_env=False) as client:
            for url, token in {one for visitor in self.visitors for one in visitor.tokens}:
                headers = {"Authorization": f"Bearer {token}"}
                with suppress(httpx2.TransportError):  # A gateway that a test has killed.
                    await client.delete(f"{url}/api/v1/users/me", headers=headers)


@asynccontextmanager
async def browsers() -> AsyncIterator[Browsers]:
    """Browsers for one test. Fails if a page met an error of its own or broke its policy."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        opened = Browsers(playwright, stack)
        try:
            yield opened
        finally:
            await opened.erase()
    faults = [fault for visitor in opened.visitors for fault in visitor.faults]
    assert faults == [], "\n".join(faults)
