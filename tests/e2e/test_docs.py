"""`/docs` shows all the contracts, with nothing from elsewhere."""

import re
from urllib.parse import urlsplit

import httpx2
from playwright.async_api import expect

from contracts.checking import amqp, http, websocket
from tests.e2e.browsers import Browsers
from tests.e2e.stack import Stack


async def test_the_documentation_shows_every_call_frame_event_and_problem(
    web: Stack, browsers: Browsers
) -> None:
    url = web.urls[0]
    page = (await browsers.visit(url)).page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{url}/docs")
    await expect(page.locator("main[aria-busy]")).to_have_count(0)
    calls = [call for path in http().content["paths"].values() for call in path.values()]
    for call in calls:
        await expect(page.locator(f"#{call['operationId']}")).to_have_count(1)
    for name, document in (("websocket", websocket()), ("events", amqp())):
        shown = page.locator(f"details[id^={name}-message-]")
        await expect(shown).to_have_count(len(document.messages))
    problems = http().content["components"]["x-problems"]
    await expect(page.locator("[id^=problem-]")).to_have_count(len(problems))
    links = await page.locator("main a").evaluate_all("all => all.map(a => a.hash.slice(1))")
    ids = set(await page.locator("[id]").evaluate_all("all => all.map(one => one.id)"))
    assert {link for link in links if link} <= ids
    assert {urlsplit(one).netloc for one in asked} == {urlsplit(url).netloc}


async def test_a_problem_says_where_it_is_explained(web: Stack, browsers: Browsers) -> None:
    url = web.urls[0]
    async with httpx2.AsyncClient(trust_env=False, base_url=url) as client:
        problem = (await client.get("/api/v1/match/request")).json()
        assert (await client.get("/problems/nonsense")).status_code == 404
    page = (await browsers.visit(url)).page
    await page.goto(url + problem["type"])
    await expect(page.locator("main[aria-busy]")).to_have_count(0)
    assert re.fullmatch(r".*/docs#problem-missing-token", page.url)
    await expect(page.locator(":target")).to_have_text("missing-token")
    await expect(page.locator(":target")).to_be_in_viewport()
