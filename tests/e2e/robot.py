"""`make partner`: a robot that asks for a partner, joins, plays a tone, echoes chat, asks again.

It is a page of the running gateway in a browser without a window: what it does, it does through
`parley.js`. Ends, and leaves nothing behind, on Ctrl-C.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

import httpx2
from msgspec import Struct
from playwright.async_api import Browser, Error, Page, Playwright, Route, async_playwright

SCRIPT = Path(__file__).with_suffix(".js")
# A page of the gateway that runs nothing of its own; one made up here would be of another network
# to the browser, and might not open sockets to this one.
PAGE = "/healthz"
LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")
FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    # On a machine without a network, peers meet on loopback.
    "--allow-loopback-in-peer-connection",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# Each is a page of its own; more would be a crowd, for which there is a load generator.
COUNT_MAX = 20
ANSWER_TIMEOUT_S = 5.0
END_TIMEOUT_S = 5.0
BEGIN = """async profile => {
    const { begin } = await import("/robot/robot.js");
    try {
        await begin(profile);
    } catch (problem) {
        return problem.detail || problem.message || problem.code;
    }
    return "";
}"""
END = "async () => (await import('/robot/robot.js')).end()"


class CannotPlay(Exception):
    """Why there is no robot; one line."""


class Role(Struct, frozen=True):
    name: str
    native: str
    practice: str
    level: str

    @property
    def profile(self) -> dict[str, object]:
        return {
            "display_name": self.name,
            "native_languages": [self.native],
            "practice_languages": [{"language": self.practice, "level": self.level}],
        }


def say(name: str, text: str) -> None:
    """One line of what becomes of the robot `name`."""
    print(f"{datetime.now().astimezone():%H:%M:%S}  {name}: {text}", flush=True)


async def play(url: str, roles: list[Role]) -> None:
    """Until interrupted. Raises `CannotPlay`, also when a robot is told to go."""
    stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _settle, stopped, "")
    await check_gateway(url)
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        browser = await launch(playwright)
        stack.push_async_callback(browser.close)
        for role in roles:
            page = await enter(browser, url, role, stopped)
            stack.push_async_callback(leave, page)
            say(
                role.name,
                f"native in {role.native}, practises {role.practice} {role.level}, at {url}",
            )
        if reason := await stopped:
            raise CannotPlay(reason)


async def check_gateway(url: str) -> None:
    """Raises `CannotPlay` unless a gateway is there with the protocol's modules."""
    async with httpx2.AsyncClient(
        verify=False, timeout=ANSWER_TIMEOUT_S, trust_env=False
    ) as client:
        try:
            ready = await client.get(f"{url}/readyz")
            module = await client.head(f"{url}/parley.js")
        except httpx2.TransportError:
            raise CannotPlay(f"nothing answers at {url}, run: make up") from None
    if ready.status_code != 200:
        raise CannotPlay(f"{url} is not ready, see: make logs")
    if module.status_code != 200:
        raise CannotPlay(f"{url} has no web client, run: make down up")


async def launch(playwright: Playwright) -> Browser:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise CannotPlay("chromium is not installed, run: make prepare-browser")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        return await playwright.chromium.launch(
            executable_path=path,
            args=[*FLAGS, *as_root],
            handle_sigint=False,
            handle_sigterm=False,
        )
    except Error as error:
        raise CannotPlay(f"chromium does not start: {error.message.splitlines()[0]}") from None


async def enter(browser: Browser, url: str, role: Role, stopped: "asyncio.Future[str]") -> Page:
    """A robot's page, registered and connected. Raises `CannotPlay`."""
    context = await browser.new_context(ignore_https_errors=True)
    page = await context.new_page()
    await page.route(f"{url}/robot/robot.js", serve)
    await page.expose_function("robotSays", partial(say, role.name))
    await page.expose_function(
        "robotStopped", lambda reason: _settle(stopped, f"{role.name} was told to go: {reason}")
    )
    page.on("crash", lambda _: _settle(stopped, f"{role.name}'s page crashed"))
    await page.goto(f"{url}{PAGE}")
    if refusal := await page.evaluate(BEGIN, role.profile):
        raise CannotPlay(f"{role.name} cannot register: {refusal}")
    return page


async def serve(route: Route) -> None:
    """The one file that is the robot's own; all else is the gateway's."""
    await route.fulfill(path=SCRIPT, content_type="text/javascript")


async def leave(page: Page) -> None:
    """Erase the robot, if there is still somebody to tell."""
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await page.evaluate(END)
    except (Error, TimeoutError):
        pass  # Who is silent for long is taken to have gone.


def _settle(stopped: "asyncio.Future[str]", reason: str) -> None:
    if not stopped.done():
        stopped.set_result(reason)


class OneLine(argparse.ArgumentParser):
    """Says what is wrong with the arguments as everything else here does."""

    def error(self, message: str) -> NoReturn:
        raise CannotPlay(message)


def arguments() -> argparse.Namespace:
    parser = OneLine(prog="python -m tests.e2e.robot", description=__doc__)
    default = os.environ.get("PARLEY_URL", "http://127.0.0.1:8080")
    parser.add_argument("--url", default=default, help="the gateway; of several, the first")
    parser.add_argument("--native", required=True, metavar="TAG", help="what it speaks: es")
    parser.add_argument("--practice", required=True, metavar="TAG", help="what it learns: en")
    parser.add_argument("--level", default="B1", choices=LEVELS)
    parser.add_argument("--name", default="Robot")
    parser.add_argument("--count", type=int, default=1, help="so many robots at once")
    given = parser.parse_args()
    if given.count not in range(1, COUNT_MAX + 1):
        raise CannotPlay(f"argument --count: 1 to {COUNT_MAX}")
    return given


def main() -> int:
    try:
        given = arguments()
        names = [given.name, *(f"{given.name} {n}" for n in range(2, given.count + 1))]
        roles = [Role(name, given.native, given.practice, given.level) for name in names]
        asyncio.run(play(given.url.split(",")[0].rstrip("/"), roles))
    except CannotPlay as error:
        print(f"partner: {error}", file=sys.stderr)
        return 1
    except Error as error:
        print(f"partner: the browser failed: {error.message.splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
