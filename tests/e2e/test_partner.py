"""`make partner`: a robot to talk with."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.e2e.replica import ROOT
from tests.e2e.stack import Stack
from tests.e2e.test_programs import run

PATIENCE_S = 60.0


@asynccontextmanager
async def robot(url: str, name: str, native: str, practice: str) -> AsyncIterator[Process]:
    """A robot that is interrupted at the end, as Ctrl-C does."""
    arguments = ("--url", url, "--name", name, "--native", native, "--practice", practice)
    command = (sys.executable, "-m", "tests.e2e.robot", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=STDOUT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            assert process.stdout is not None
            rest = (await process.stdout.read()).decode()
            code = await process.wait()
    assert (code, rest.splitlines()[-1].endswith(f"{name}: goes")) == (0, True), rest


async def line(process: Process, text: str) -> None:
    """Until the robot prints a line with this text."""
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(PATIENCE_S):
        while text not in seen:
            seen = (await process.stdout.readline()).decode()
            assert seen, f"it ended without a line with {text!r}"


async def test_a_robot_talks_with_whoever_comes_and_asks_again_when_they_have_gone(
    stack: Stack,
) -> None:
    """One is told of all the gateways, as `make partner` tells it."""
    every, other = ",".join(stack.urls), stack.urls[-1]
    async with robot(every, "Ana", "es", "en") as ana:
        async with robot(other, "Ben", "en", "es") as ben:
            await asyncio.gather(line(ana, "meets Ben"), line(ben, "meets Ana"))
            await asyncio.gather(line(ana, "hears the partner"), line(ben, "hears the partner"))
        await line(ana, "the talk is over")
        await line(ana, "asks for a partner")


async def test_a_robot_says_in_one_line_why_it_cannot_play(stack: Stack) -> None:
    languages = ("--native", "es", "--practice")
    for arguments, reason in (
        (("--url", "http://127.0.0.1:9", *languages, "en"), "nothing answers at"),
        (("--url", stack.urls[0], *languages, "xx-invalid"), "no known language"),
        (("--url", stack.urls[0], *languages, "en", "--level", "Z9"), "Z9"),
    ):
        code, output = await run("tests.e2e.robot", *arguments)
        assert code == 1
        assert len(output.splitlines()) == 1, output
        assert reason in output
