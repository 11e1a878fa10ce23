"""The README says what is there: its commands run, its links lead somewhere."""

import asyncio
import re
import sys

import pytest

from tests.e2e.replica import ROOT
from tests.e2e.stack import Stack

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "docs/adr/*.md", "docs/examples/*/*.md")
    for path in ROOT.glob(pattern)
)
SECTION = re.compile(r"## Talk to it\n.*?```sh\n(.*?)```", re.DOTALL)


async def test_who_follows_the_readme_talks_to_it(stack: Stack) -> None:
    """As it stands there, but for the address and the virtual environment."""
    [commands] = SECTION.findall((ROOT / "README.md").read_text())
    replaced = {"http://127.0.0.1:8080": stack.urls[0], ".venv/bin/python": sys.executable}
    for there, here in replaced.items():
        assert there in commands
        commands = commands.replace(there, here)
    process = await asyncio.create_subprocess_exec(
        "bash",
        *("-eu", "-c", commands),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    said = output.decode()
    places = [said.find(f'"type":"{kind}"') for kind in ("welcome", "match.found", "session.ended")]
    assert -1 not in places and places == sorted(places), said
    assert said.count('"status":"pending"') == 2, said
    assert "4501" in said, said


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_target_a_page_names_is_one_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        code = " ".join(
            re.findall(r"```sh\n.*?```|`[^`\n]+`", (ROOT / page).read_text(), re.DOTALL)
        )
        for target in re.findall(r"(?:^|[`\s])make ([a-z][a-z-]+)", code):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page}: make {target}"
