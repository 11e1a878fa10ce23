"""The cases of cases.js, each in a page of Chromium, which knows WebRTC, locks and sockets."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, async_playwright

from services.gateway.api.web import FILES, TYPES

HERE = Path(__file__).parent
# A secure place, as browsers want it for locks; nothing of it is ever asked on a network.
ORIGIN = "https://parley.test"
CASES = re.findall(r'^test\("(.+)",', (HERE / "cases.js").read_text(), re.MULTILINE)
FLAGS = (
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
AS_ROOT = ("--no-sandbox",)
RUN = """async name => {
    const { cases } = await import("/cases.js");
    await cases[name]();
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    assert path is not None, "chromium is not installed, run: make prepare-tests"
    async with async_playwright() as playwright:
        flags = [*FLAGS, *(AS_ROOT if os.geteuid() == 0 else ())]
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        await browser.close()


async def serve(route: Route) -> None:
    """The web client's modules, and the tests' own beside them."""
    name = urlsplit(route.request.url).path.removeprefix("/")
    if not name:
        await route.fulfill(body="<!doctype html>", content_type="text/html")
        return
    found = [file for file in (HERE / name, FILES / name) if file.is_file()]
    if found:
        await route.fulfill(path=found[0], content_type=TYPES[found[0].suffix])
    else:
        await route.fulfill(status=404)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES)
async def test_parley(browser: Browser, case: str) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.route(f"{ORIGIN}/**", serve)
    await page.clock.install()
    await page.expose_function("advance", page.clock.run_for)
    await page.goto(ORIGIN)
    await page.evaluate(RUN, case)
    await context.close()
    assert faults == []


def test_every_case_has_a_name_of_its_own() -> None:
    assert len(set(CASES)) == len(CASES) > 0
