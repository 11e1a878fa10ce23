"""The programs a person runs against a running stack: the demonstration and the benchmarks."""

import asyncio
import os
import sys

import msgspec
import pytest

from tests.e2e.replica import ROOT
from tests.e2e.stack import Stack


async def run(module: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """(exit code, all it printed)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode or 0, output.decode()


async def test_the_demonstration_shows_who_met_whom(stack: Stack) -> None:
    url = ",".join(stack.urls)
    database_url = stack.stores.database_url
    code, output = await run("tests.e2e.demo", "--url", url, DATABASE_URL=database_url)
    assert code == 0, output
    assert "Everybody met whom they should." in output
    assert "Ana practises en" in output, "the rows are shown"


async def test_the_demonstration_fails_when_nobody_meets(stack: Stack) -> None:
    code, output = await run("tests.e2e.demo", "--url", "http://127.0.0.1:9", DATABASE_URL="")
    assert code != 0, output
    assert output.strip() == "demo: nobody answers at http://127.0.0.1:9: make up starts the stack"


@pytest.mark.parametrize("scenario", ["arrive", "pour", "handshakes"])
async def test_a_benchmark_ends_with_a_line_of_figures(stack: Stack, scenario: str) -> None:
    arguments = (scenario, "--url", ",".join(stack.urls), "--scale", "0.02")
    code, output = await run("bench", *arguments)
    assert code in (0, 1), output  # 1: slower than the target, which a busy machine may be.
    figures = msgspec.json.decode(output.splitlines()[-1])
    assert figures["scenario"] == scenario
