"""The modules of the web client: asked for all at once, and small."""

import re
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "web"
ENTRY = WEB / "app.js"
MODULE_LINES_MAX = 250
IMPORTED = re.compile(r"""(?:^\s*import|^\s*export|^\}) ?[^;"]*?from "([^"]+)";""", re.MULTILINE)
LAZY = re.compile(r'^\s*import\("([^"]+)"\)', re.MULTILINE)
PRELOADED = re.compile(r'<link rel="modulepreload" href="([^"]+)">')


def reached(path: Path, seen: set[Path]) -> set[Path]:
    """All that is loaded with the module."""
    if path not in seen:
        seen.add(path)
        source = path.read_text()
        for name in IMPORTED.findall(source) + LAZY.findall(source):
            reached((path.parent / name).resolve(), seen)
    return seen


def modules() -> list[Path]:
    return [ENTRY, WEB / "parley.js", *WEB.glob("parley/*.js"), *WEB.glob("ui/*.js")]


def test_the_page_asks_for_every_module_at_once() -> None:
    # Found one by one they take a round trip for each step of the imports, six on a phone's line.
    loaded = {str(path.relative_to(WEB)) for path in reached(ENTRY, set()) - {ENTRY}}
    preloaded = PRELOADED.findall((WEB / "index.html").read_text())
    assert preloaded == sorted(loaded)


def test_no_module_is_longer_than_the_budget() -> None:
    lengths = {path.name: path.read_text().count("\n") for path in modules()}
    assert {name for name, lines in lengths.items() if lines > MODULE_LINES_MAX} == set()


def test_nothing_is_loaded_from_elsewhere() -> None:
    # The name space of SVG is no address.
    for path in [*modules(), WEB / "index.html", WEB / "app.css"]:
        hosts = set(re.findall(r"[\"'(`](\w+://[^\"')`]+)", path.read_text()))
        assert hosts <= {"http://www.w3.org/2000/svg"}, path
