"""Every state of the web client: nothing serious to axe, and its accessibility tree is as kept."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import expect

from shared.proxy import Proxy
from tests.e2e import pretending
from tests.e2e.browsers import PHONE, Browsers
from tests.e2e.client import Person, speaks
from tests.e2e.conftest import JOIN_TIMEOUT_S
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.looks import Looks
from tests.e2e.pretending import lose_microphone, pretend
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

# Two browsers and a stack on a busy machine: several times what they take on an idle one.
pytestmark = pytest.mark.timeout(400)

REQUEST = "**/match/request"


@pytest_asyncio.fixture
async def people(web: Stack) -> AsyncIterator[Crowd]:
    async with crowd(web.urls) as people:
        yield people


@pytest_asyncio.fixture
async def ana(web: Stack, browsers: Browsers) -> Visitor:
    """Ana, at home."""
    ana = await browsers.visit(web.urls[0], script=pretending.SCRIPT)
    await ana.sign_up("Ana", native="Spanish", practises="English")
    return ana


async def test_signing_up_and_leaving(web: Stack, browsers: Browsers) -> None:
    ana = await browsers.visit(web.urls[0], script=pretending.SCRIPT)
    look = Looks(ana.page)
    await ana.at("signup")
    await look.at("signup")
    await ana.button("Create profile").click()
    await look.at("signup-incomplete")
    await ana.sign_up("Ana", native="Spanish", practises="English")
    await expect(ana.page.get_by_text("is waiting for Spanish")).to_be_visible()
    await look.at("home")
    await ana.go("Past talks", "history")
    await look.at("history-empty")
    await ana.go("Settings", "settings")
    await look.at("settings")
    await look.at_dialog("settings-erase", "leave.erase")
    await ana.button("Delete my profile").click()
    dialog = ana.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Delete my profile").click()
    await ana.at("erased")
    await look.at("erased")
    await ana.button("Start again").click()
    await ana.sign_up("Ana", native="Spanish", practises="English")
    await ana.go("Settings", "settings")
    await ana.button("Sign out").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await ana.at("signed-out")
    await look.at("signed-out")
    look.found_nothing()


async def test_the_microphone_and_the_queue(ana: Visitor) -> None:
    look = Looks(ana.page)
    await pretend(ana, asks=True)
    await ana.go("Find a partner", "microphone")
    await look.at("microphone")
    for error, state in (("NotAllowedError", "denied"), ("NotFoundError", "missing")):
        await pretend(ana, microphone=error)
        await ana.button("Allow microphone").or_(ana.button("Try again")).click()
        await expect(ana.page.locator("body")).to_have_attribute("data-microphone", state)
        await look.at(f"microphone-{state}")
    await pretend(ana, microphone=None, asks=False)
    await ana.button("Try again").click()
    await expect(ana.button("Start searching")).to_be_visible()
    await look.at("microphone-live")

    await ana.page.route(REQUEST, pretending.know_no_relay)
    await ana.go("Start searching", "relay-unavailable")
    await look.at("relay-unavailable")
    await ana.page.unroute(REQUEST)
    await ana.go("Back", "home")
    await ana.find_partner()
    await ana.at("waiting")
    await look.at("waiting")
    await lose_microphone(ana)
    await look.at("waiting-microphone-lost")
    await ana.go("Cancel", "home")

    await ana.page.route(REQUEST, pretending.ask_for_a_second)
    await ana.find_partner()
    await ana.at("expired")
    await expect(ana.page.get_by_text("is waiting for yours")).to_be_visible()
    await look.at("expired")
    look.found_nothing()


async def test_partners_who_come_and_go(ana: Visitor, people: Crowd) -> None:
    """Nobody looks at the page meanwhile, so it joins nobody by itself."""

    async def somebody(name: str) -> Person:
        person = await people.arrive(name, speaks("en", "es"))
        await person.ask()
        await ana.at("found")
        return person

    look = Looks(ana.page)
    await ana.find_partner()
    await ana.at("waiting")
    await pretend(ana, hidden=True)
    ben = await somebody("Ben")
    await expect(ana.page).to_have_title(re.compile(r"^0:\d\d .*Ben"))
    await look.at("found")
    session_id = (await ben.hear("match.found"))["session_id"]
    await ben.say(type="session.decline", session_id=session_id)
    await ana.at("requeued")
    await look.at("requeued")

    await somebody("Eva")
    await ana.go("Decline", "declined")
    await look.at("declined")
    await ana.button("Find another partner").click()
    await ana.button("Start searching").click()
    await somebody("Zoe")
    await ana.at("missed", limit_s=JOIN_TIMEOUT_S + 10)
    await look.at("missed")
    look.found_nothing()


async def test_other_tabs_and_other_ends(ana: Visitor) -> None:
    look = Looks(ana.page)
    other = await ana.page.context.new_page()
    await other.goto(ana.url)
    await ana.at("replaced")
    await look.at("replaced")
    await ana.go("Use it here", "home")
    await expect(other.locator("body")).to_have_attribute("data-step", "replaced")
    await other.close()
    for state, gateway in (
        ("loading", pretending.say_nothing),
        ("stopped", pretending.stop_for_good),
        ("away", pretending.find_it_was_away),
    ):
        await ana.page.route_web_socket("**/ws", gateway)
        await ana.page.reload()
        if state == "away":
            await ana.find_partner()
        await ana.at(state)
        await look.at(state)
    look.found_nothing()


async def test_a_talk_and_what_comes_after_it(web: Stack, browsers: Browsers) -> None:
    # Who begins is drawn; here it is always the same, so that trees can be compared.
    await web.stores.query("ALTER TABLE chat_sessions ALTER COLUMN starts SET DEFAULT 0")
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy(url)) for url in web.urls]
        ana, ben = [await browsers.visit(one.url, script=pretending.SCRIPT) for one in proxies]
        await ana.sign_up("Ana", native="Spanish", practises="English")
        await ben.sign_up("Ben", native="English", practises="Spanish")
        look = Looks(ana.page)
        await meet(ana, ben, look)
        await trouble(ana, ben, proxies[1], look)
        await part(ana, ben, look)
        look.found_nothing()


async def meet(ana: Visitor, ben: Visitor, look: Looks) -> None:
    await ana.find_partner()
    await ana.at("waiting")
    await pretend(ben, hidden=True)
    await ben.find_partner()
    await ana.button("Join now").click()
    await ana.at("connecting")
    await look.at("connecting")
    await ben.button("Join now").click()
    await pretend(ben, hidden=False)
    await asyncio.gather(ana.at("call"), ben.at("call"))
    await ben.send("Hello Ana, what shall we talk about?")
    await expect(ana.page.get_by_role("log")).to_contain_text("Hello Ana")
    await ana.send("¡Hola! Háblame de tu barrio.")
    await look.at("call")
    await ana.page.set_viewport_size(PHONE)
    await ana.page.get_by_role("button", name=re.compile("^Text")).click()
    await look.at("call-text")
    await ana.button("Mute").click()
    await look.at("call-muted")
    await ana.button("Unmute").click()


async def trouble(ana: Visitor, ben: Visitor, proxy_of_ben: Proxy, look: Looks) -> None:
    await lose_microphone(ana)
    await look.at("call-microphone-lost")
    await ana.button("Turn on microphone").click()

    await proxy_of_ben.refuse()
    await expect(ana.page.get_by_text("Ben has lost the connection").first).to_be_visible()
    await look.at("call-peer-away")
    looks_of_ben = Looks(ben.page)
    await ben.page.route("**/texts/*.json", pretending.say_it_from_here)
    reconnecting = ben.page.locator("[data-banner=waiting], [data-banner=connecting]")
    await expect(reconnecting).to_be_visible()
    await looks_of_ben.at("call-reconnecting")
    await ben.page.context.set_offline(True)
    await expect(ben.page.locator("[data-banner=offline]")).to_be_visible()
    await looks_of_ben.at("call-offline")
    await proxy_of_ben.accept()
    await ben.page.context.set_offline(False)
    await expect(ana.page.get_by_text("Ben has lost the connection").first).to_be_hidden()

    await pretend(ana, silent=True)
    await pretend(ben, microphone="NotAllowedError")
    await ben.page.reload()
    await ben.at("rejoin")
    await looks_of_ben.at("rejoin")
    await pretend(ben, microphone=None)
    await ben.button("Rejoin the talk").click()
    await expect(ana.button("Tap to hear")).to_be_visible()
    await look.at("call-tap-to-hear")
    await pretend(ana, silent=False)
    await ana.button("Tap to hear").click()
    await asyncio.gather(ana.hears(), ben.hears())
    looks_of_ben.found_nothing()


async def part(ana: Visitor, ben: Visitor, look: Looks) -> None:
    await ana.hang_up()
    await asyncio.gather(ana.at("ended"), ben.at("ended"))
    await look.at("ended")
    await look.at_dialog("ended-report", "report.open")
    await look.at_dialog("ended-block", "block.open")
    await ana.page.get_by_label("5 – great").check()
    await ana.page.get_by_label("Friendly").check()
    await ana.button("Send rating").click()
    await expect(ana.button("Send rating")).to_be_hidden()
    await look.at("ended-rated")
    await ana.go("Home", "home")
    await ana.go("Past talks", "history")
    await look.at("history")
    await ana.page.get_by_role("main").get_by_role("button", name="Ben").click()
    await ana.at("talk")
    await look.at("talk")
    await ana.button("Block").click()
    await ana.button("Block Ben").click()
    await ana.go("Settings", "settings")
    await expect(ana.button("Unblock Ben")).to_be_visible()
    await look.at("settings-blocks")
