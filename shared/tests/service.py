"""A service for the tests of the runner: what it does is what its arguments say."""

import asyncio
import sys
import time
from contextlib import suppress

import structlog

from shared.config import CommonSettings, Seconds
from shared.runner import Runtime, ready_when, run

log = structlog.get_logger()


class Settings(CommonSettings, frozen=True, kw_only=True):
    stop_timeout_s: Seconds = Seconds(10)


async def say(what: str) -> None:
    log.info(what)


async def loop() -> None:
    try:
        if "fail" in sys.argv:
            raise KeyError("a fault")
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        log.info("loop cancelled")
        raise


async def stubborn() -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if "block" in sys.argv:
                time.sleep(60)  # noqa: ASYNC251  a loop that hangs is the point


async def spawn_late(runtime: Runtime) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        log.info("spawning late")
        runtime.tasks.create_task(loop())


async def absent() -> None:
    if "swallow" in sys.argv:
        log.info("connecting")
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    raise ConnectionRefusedError


async def serve(_settings: Settings, runtime: Runtime) -> None:
    runtime.stack.push_async_callback(say, "closed first")
    if "break" in sys.argv:
        raise ValueError("cannot be built")
    if "wait" in sys.argv:
        await ready_when("the server", absent)
    runtime.stack.push_async_callback(say, "closed second")
    runtime.on_stop(lambda: say("drained"))
    if "linger" in sys.argv:
        log.info("building")
        with suppress(asyncio.CancelledError):  # as Python 3.11's wait_for may
            await asyncio.Event().wait()
    if "late" in sys.argv:
        runtime.tasks.create_task(spawn_late(runtime))
    runtime.tasks.create_task(loop())
    if "hang" in sys.argv or "block" in sys.argv:
        runtime.tasks.create_task(stubborn(), name="stubborn")
    log.info("built")


if __name__ == "__main__":
    run("thing", Settings, serve)
