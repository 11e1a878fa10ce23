"""Looking at a page as those do who cannot see it, and as it is seen: axe, its tree, its picture.

PARLEY_SNAPSHOTS=write keeps the accessibility trees as they are now instead of comparing them;
PARLEY_SCREENSHOTS=<directory> keeps pictures (`make screenshots`).
"""

import difflib
import functools
import io
import json
import os
import re
import time
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import Page, expect

from tests.e2e.browsers import DESKTOP, PHONE
from tests.e2e.replica import ROOT

SNAPSHOTS = Path(__file__).with_name("snapshots")
TEXTS = ROOT / "services" / "gateway" / "web" / "texts"
WRITING = os.environ.get("PARLEY_SNAPSHOTS") == "write"
SCREENSHOTS = os.environ.get("PARLEY_SCREENSHOTS", "")
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
RUN_AXE = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, impact, nodes }) => (
        { id, impact, where: nodes.map((node) => `${node.target}: ${node.failureSummary}`) }
    ));
}"""
SERIOUS = ("serious", "critical")
SIZES = {"desktop": DESKTOP, "phone": PHONE}
# Arabic is looked at by night, so that the dark colours are as well.
SCHEMES: dict[str, Literal["light", "dark"]] = {"en": "light", "ar": "dark"}
SETTLING_S = 3.0
COLOURS = 64
# Pictures in Arabic of these, for who wants to see; a few say it all.
PICTURED = ("signup", "waiting", "call", "ended")
# What differs from run to run: numbers, hours, dates, what there is to talk about.
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
SHORT = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
CHANGING = (
    (re.compile(r"(?<![A-Za-z=])\d+"), "0"),
    (re.compile(r"\b0 (second|minute)s?\b"), r"0 \1s"),
    (re.compile(r"\b0(:0)+( ?[AP]M)?\b", re.I), "0:0"),
    (re.compile(rf"\b({MONTHS}|{SHORT})\b"), "May"),
    (
        re.compile(r'(region "Topics":\n(?: +- (?!listitem)[^\n]*\n)*)(?: +- listitem: [^\n]*\n)+'),
        r"\1",
    ),
    (re.compile(r" Trying again in 0 seconds\."), ""),
    (re.compile(r'^ +- button "Try now"\n', re.M), ""),
    (re.compile("We can hear you\\."), "Nothing to hear yet. Say something."),
    # What was said last stands there for a while.
    (re.compile(r"^- (?:status|alert)\b.*\n?(?:  .*\n?)*", re.M), ""),
)


class Looks:
    """Looks at states of one page; `faults` gathers what axe found, for the end of a test."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []

    async def at(self, state: str) -> None:
        """Look at the page as it is now, in both languages; then it is as it was."""
        for language in SCHEMES:
            await self._speak(language)
            await self._see(state, language)
        await self._speak("en")

    async def at_dialog(self, state: str, opener: str) -> None:
        """The same of the dialog that the button of this text opens."""
        for language in SCHEMES:
            await self._speak(language)
            name = texts(language)[opener]
            await self.page.get_by_role("button", name=name, exact=True).first.click()
            await self._see(state, language)
            await self.page.keyboard.press("Escape")
            await expect(self.page.get_by_role("dialog")).to_have_count(0)
        await self._speak("en")

    def found_nothing(self) -> None:
        assert self.faults == [], "\n".join(self.faults)

    async def _speak(self, language: str) -> None:
        """As somebody who chooses it in the header."""
        await self.page.emulate_media(
            color_scheme=SCHEMES[language], contrast="no-preference", reduced_motion="reduce"
        )
        await self.page.evaluate(
            """language => {
                if (document.documentElement.lang === language) return;
                const choice = document.querySelector("header select");
                choice.value = language;
                choice.dispatchEvent(new Event("change", { bubbles: true }));
            }""",
            language,
        )
        await self.page.wait_for_function(
            "language => document.documentElement.lang === language", arg=language
        )
        # The focus stays in the header, where it hides what is the state's own.
        await self.page.evaluate("document.querySelector('header :focus')?.blur()")

    async def _see(self, state: str, language: str) -> None:
        for size, viewport in SIZES.items():
            await self.page.set_viewport_size(viewport)
            await self._ask_axe(f"{state}, {language}, {size}")
            if language == "en" and size == "desktop":
                await self._compare(state)
            if SCREENSHOTS and language == "en":
                await self._picture(f"{state}-{size}")
            elif SCREENSHOTS and size == "phone" and state in PICTURED:
                await self._picture(f"{state}-{size}-{language}")
        await self.page.set_viewport_size(DESKTOP)

    async def _ask_axe(self, where: str) -> None:
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE)
        violations: list[dict[str, Any]] = await self.page.evaluate(RUN_AXE)
        for one in violations:
            if one["impact"] in SERIOUS:
                self.faults.append(f"{where}: {one['id']} ({one['impact']}) {one['where'][:3]}")
        wide = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            self.faults.append(f"{where}: {wide} px wider than the screen")

    async def _compare(self, state: str) -> None:
        """The last look counts: what is still being loaded comes to stand there."""
        path = SNAPSHOTS / f"{state}.yaml"
        end = time.monotonic() + SETTLING_S
        while differs := compared(path, await self._tree()):
            if time.monotonic() > end:
                self.faults += differs
                return

    async def _tree(self) -> str:
        tree = await self.page.locator("body").aria_snapshot()
        for changing, constant in CHANGING:
            tree = changing.sub(constant, tree)
        return tree.strip()

    async def _picture(self, name: str) -> None:
        keep_picture(await self.page.screenshot(), Path(SCREENSHOTS) / f"{name}.png")


@functools.cache
def texts(language: str) -> dict[str, str]:
    """The client's catalogue."""
    catalogue: dict[str, str] = json.loads((TEXTS / f"{language}.json").read_text())
    return catalogue


def compared(path: Path, tree: str) -> list[str]:
    """What is wrong with this tree: nothing while it is as kept."""
    if WRITING:
        path.parent.mkdir(exist_ok=True)
        path.write_text(tree + "\n")
    kept = path.read_text().splitlines() if path.exists() else []
    differs = list(difflib.unified_diff(kept, tree.splitlines(), "kept", "now", lineterm=""))
    return ["\n".join([f"{path.name}: another tree", *differs])] if differs else []


def keep_picture(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    picture.quantize(COLOURS).save(path, optimize=True)
