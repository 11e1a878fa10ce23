"""The rules of the house that no tool knows: budgets, and what the tree must not say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.supervision import ROOT

MODULE_LINES_MAX = 250
FUNCTION_LINES_MAX = 40


def tracked(pattern: str = "*") -> list[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "--", pattern]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [path for path in map(ROOT.joinpath, listed.splitlines()) if path.is_file()]


def modules() -> list[Path]:
    """The product's modules; a test may be as long as what it tells."""
    return [path for path in tracked("*.py") if "tests" not in path.relative_to(ROOT).parts]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_module_is_longer_than_the_budget() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > MODULE_LINES_MAX} == {}


def test_no_function_is_longer_than_the_budget() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{function.name}": (function.end_lineno or 0)
        - function.lineno
        + 1
        for path in modules()
        for function in functions(path)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


def test_the_locks_name_no_package_index() -> None:
    for path in tracked("requirements/*.txt"):
        lines = path.read_text().splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("-")], path


def test_no_file_names_the_package_index_of_this_machine() -> None:
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    words = listed.replace("'", " ").replace("\\n", " ").split()
    hosts = {host for word in words if (host := urlsplit(word).hostname)}
    named = {
        f"{path.relative_to(ROOT)}: {host}"
        for path in tracked()
        for host in hosts
        if host.encode() in path.read_bytes()
    }
    assert named == set()
