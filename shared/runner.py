"""One harness for every main: settings, logging, signals, tasks, closing in reverse order."""

import asyncio
import gc
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import structlog
import uvloop
from msgspec import Struct

from shared import config, logging, metrics, tracing
from shared.config import CommonSettings
from shared.errors import ParleyError, SettingsError, TopologyMismatch
from shared.identifiers import new_id
from shared.ops import Ops

_FATAL = (SettingsError, TopologyMismatch, AssertionError, TypeError, AttributeError, NameError)

S = TypeVar("S", bound=CommonSettings)
T = TypeVar("T")

log = structlog.get_logger()


class Stop(Exception):
    """Raised in the task group's body to cancel its tasks."""


class Tasks(asyncio.TaskGroup):
    """A task group that ends whoever comes too late to spawn on it, as it ends its tasks.

    A plain one raises RuntimeError: a stop would look like a failure to a task that finds nothing
    wrong with it, because its cancellation was swallowed or it belongs to another group.
    """

    ending = False

    def create_task(self, coro: Any, **more: Any) -> asyncio.Task[Any]:
        if self.ending:
            coro.close()
            raise asyncio.CancelledError
        return super().create_task(coro, **more)


class Runtime(Struct, kw_only=True):
    """What a service is given to build itself on.

    Push closers on `stack` as parts are built; they run last, in reverse order. Spawn loops on
    `tasks`, in any order. Callbacks given to `on_stop` run first at a stop, newest first, while
    the tasks still run: for example `bus.stop_consuming`. A stop that falls into the building
    ends that before anything else, so that nothing is built while it is drained.
    """

    name: str
    instance: str
    stack: AsyncExitStack
    tasks: asyncio.TaskGroup
    stopping: asyncio.Event
    ops: Ops
    drains: list[Callable[[], Awaitable[object]]]

    def on_stop(self, drain: Callable[[], Awaitable[object]]) -> None:
        self.drains.append(drain)


Serve = Callable[[S, Runtime], Awaitable[None]]


def run(service: str, settings_type: type[S], serve: Serve[S]) -> None:
    """The whole life of a process; ends it with 0 after a clean stop, else 1.

    `serve` builds the parts and returns, which makes the process ready; it lives on until SIGTERM
    or SIGINT, or until a task fails. A second signal, or a stop that takes too long, ends it at
    once with 1 and says what hung.
    """
    try:
        settings = config.load(settings_type, os.environ)
    except SettingsError as error:
        sys.exit(f"{service} cannot start: {error}")
    instance = f"{service}-{new_id()[-8:]}"
    logging.configure(service, settings.log_level, instance)
    metrics.describe_process(service, instance)
    if settings.otel_exporter_otlp_endpoint:
        tracing.start(service, instance)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_live(service, instance, settings, serve))
    tracing.stop()
    sys.exit(code)


async def _live(service: str, instance: str, settings: S, serve: Serve[S]) -> int:
    stopping = asyncio.Event()
    _heed_signals(stopping, settings.stop_timeout_s)
    code = 0
    try:
        async with AsyncExitStack() as stack:
            ops = Ops()
            ops.starting = True
            await ops.listen(settings.ops_host, getattr(settings, f"{service}_ops_port", 0))
            stack.push_async_callback(ops.close)
            log.info("process.started")
            await _work(service, instance, settings, serve, stack, stopping, ops)
    except* Exception as failures:
        code = 1
        for failure in failures.exceptions:
            log.critical("process.failed", exc_info=failure)
    log.info("process.stopped", code=code)
    return code


async def _work(
    service: str,
    instance: str,
    settings: S,
    serve: Serve[S],
    stack: AsyncExitStack,
    stopping: asyncio.Event,
    ops: Ops,
) -> None:
    """Run the service's tasks until a stop is asked for, then drain and cancel them."""
    try:
        async with Tasks() as tasks:
            runtime = Runtime(
                name=service, instance=instance, stack=stack, tasks=tasks, stopping=stopping,
                ops=ops, drains=[],
            )  # fmt: skip
            tasks.create_task(metrics.watch_lag(), name="lag")
            building = tasks.create_task(_built(serve(settings, runtime), ops), name="serve")
            await stopping.wait()
            log.info("process.stopping")
            ops.stopping = True
            building.cancel()
            # Where the cancellation is swallowed the building goes on, and ends by itself.
            await asyncio.wait([building])
            for drain in reversed(runtime.drains):
                await drain()
            tasks.ending = True
            raise Stop
    except* Stop:
        pass
    finally:
        stopping.set()
        _limit_stop(asyncio.get_running_loop(), settings.stop_timeout_s)


async def _built(serving: Awaitable[None], ops: Ops) -> None:
    """While it waits for a server, a service has no check that could fail and yet is not ready."""
    await serving
    # What is built lives as long as the process: spare each full collection the walk over it, a
    # pause of some 10 ms that everybody in flight would feel.
    gc.collect()
    gc.freeze()
    ops.starting = False


def _heed_signals(stopping: asyncio.Event, timeout_s: float) -> None:
    loop = asyncio.get_running_loop()

    def heed() -> None:
        if stopping.is_set():
            _give_up(loop, "second signal")
        stopping.set()
        _limit_stop(loop, timeout_s)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heed)


def _limit_stop(loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
    """End the process when the stop takes too long. A thread: the loop itself may be what hangs."""
    timer = threading.Timer(timeout_s, _give_up, (loop, "stop timed out"))
    timer.daemon = True
    timer.start()


def _give_up(loop: asyncio.AbstractEventLoop, why: str) -> None:
    hung = [
        f"{task.get_name()}: {frames[-1].f_code.co_qualname if frames else '?'}"
        for task in asyncio.all_tasks(loop)
        for frames in [task.get_stack(limit=1)]
    ]
    log.critical("process.gave_up", why=why, hung=hung)
    sys.stdout.flush()
    os._exit(1)


async def ready_when(
    what: str, connect: Callable[[], Awaitable[T]], *, pause_max_s: float = 2.0
) -> T:
    """What `connect` returns, tried again with growing pauses while the server is not there yet.

    Says "waiting for <what>" and why. Settings and programmer errors are raised at once.
    """
    pause_s = 0.1
    while True:
        try:
            return await connect()
        except _FATAL:
            raise
        except Exception as error:  # every client library has its own tree of errors
            log.info(f"waiting for {what}", error=repr(error))
        _heed_swallowed_cancellation()
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, pause_max_s)


async def every(
    interval_s: float,
    step: Callable[[], Awaitable[object]],
    *,
    name: str = "",
    pause_max_s: float = 10.0,
) -> None:
    """Run `step` every `interval_s` for ever, the first time at once, under an id of its own.

    Operating errors (`ParleyError`) are logged and answered with growing pauses; any other error
    is a programmer's and ends the process.
    """
    failures = 0
    while True:
        began = time.monotonic()
        structlog.contextvars.bind_contextvars(correlation_id=new_id())
        try:
            await step()
            failures = 0
        except ParleyError as error:
            failures += 1
            log.warning("step.failed", step=name or repr(step), error=str(error), failures=failures)
        _heed_swallowed_cancellation()
        pause_s = interval_s - (time.monotonic() - began)
        if failures:
            pause_s = min(max(interval_s, 0.1) * 2 ** min(failures, 16), pause_max_s)
            pause_s *= random.uniform(0.5, 1.0)
        await asyncio.sleep(max(pause_s, 0.0))


def _heed_swallowed_cancellation() -> None:
    """Cancel again what was cancelled and went on: Python 3.11's `wait_for`, which aiormq uses,
    returns a result that comes at the moment of the cancellation instead of raising it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
