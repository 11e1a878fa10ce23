import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from shared.errors import SettingsError, Unavailable
from shared.runner import every, ready_when

ROOT = Path(__file__).parents[2]
SERVICE = Path(__file__).parent / "service.py"


class Process:
    """A service of the tests' own in a process of its own; it obeys the words it is given."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(SERVICE), *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, event: str) -> None:
        """Read the log up to this event."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == event:
                return
        pytest.fail(f"never said {event}: {self.lines} {self.end()}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, list[str], str]:
        """Exit code, everything it said, and its stderr."""
        out, err = self._process.communicate(timeout=20)
        self.lines += [json.loads(line) for line in out.splitlines()]
        return self._process.returncode, [line["event"] for line in self.lines], err

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, *words: str, **environment: str) -> Process:
    process = Process(*words, **environment)
    stack.callback(process.kill)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_then_cancels_then_closes_in_reverse_order(
    stack: ExitStack, number: signal.Signals
) -> None:
    process = start(stack, "serve")
    process.wait_for("built")
    process.signal(number)
    code, said, err = process.end()
    assert (code, err) == (0, "")
    assert said == [
        "process.started",
        "built",
        "process.stopping",
        "drained",
        "loop cancelled",
        "closed second",
        "closed first",
        "process.stopped",
    ]


def test_every_line_names_its_service_and_instance(stack: ExitStack) -> None:
    process = start(stack, "serve")
    process.wait_for("built")
    process.signal(signal.SIGTERM)
    process.end()
    assert {line["service"] for line in process.lines} == {"thing"}
    [instance] = {line["instance"] for line in process.lines}
    assert instance.startswith("thing-")
    assert all({"level", "timestamp"} <= set(line) for line in process.lines)


def test_a_failing_task_ends_the_process_and_closes_everything(stack: ExitStack) -> None:
    code, said, _ = start(stack, "serve", "fail").end()
    assert code == 1
    assert said[-4:] == ["closed second", "closed first", "process.failed", "process.stopped"]


def test_a_failing_build_ends_the_process_and_closes_what_was_built(stack: ExitStack) -> None:
    code, said, _ = start(stack, "break").end()
    assert code == 1
    assert said == ["process.started", "closed first", "process.failed", "process.stopped"]


def test_a_wrong_setting_is_one_line_that_names_it(stack: ExitStack) -> None:
    code, said, err = start(stack, "serve", AMQP_HEARTBEAT="soon").end()
    assert (code, said) == (1, [])
    assert err == (
        "thing cannot start: AMQP_HEARTBEAT is malformed: "
        "expected a duration such as 500ms, 2s, 5m or 1h\n"
    )


def test_a_signal_while_waiting_for_a_server_stops_at_once(stack: ExitStack) -> None:
    process = start(stack, "wait")
    process.wait_for("waiting for the server")
    process.signal(signal.SIGTERM)
    code, said, _ = process.end()
    assert code == 0
    assert said[-1] == "process.stopped"


def test_a_signal_while_building_ends_that_before_anything_is_drained(stack: ExitStack) -> None:
    process = start(stack, "linger")
    process.wait_for("building")
    process.signal(signal.SIGTERM)
    code, said, err = process.end()
    assert (code, err) == (0, "")
    assert said == [
        "process.started",
        "building",
        "process.stopping",
        "built",
        "drained",
        "loop cancelled",
        "closed second",
        "closed first",
        "process.stopped",
    ]


def test_a_signal_while_waiting_that_is_swallowed_stops_all_the_same(stack: ExitStack) -> None:
    process = start(stack, "wait", "swallow")
    process.wait_for("connecting")
    process.signal(signal.SIGTERM)
    code, said, _ = process.end()
    assert (code, said[-1]) == (0, "process.stopped")


def test_a_task_that_spawns_while_it_is_ended_is_no_failure(stack: ExitStack) -> None:
    process = start(stack, "late")
    process.wait_for("built")
    process.signal(signal.SIGTERM)
    code, said, err = process.end()
    assert (code, err) == (0, "")
    # A task group cancels its tasks in no order.
    assert set(said[-5:-3]) == {"spawning late", "loop cancelled"}
    assert said[-3:] == ["closed second", "closed first", "process.stopped"]


@pytest.mark.parametrize("how", ["hang", "block"])
def test_a_stop_that_hangs_is_given_up_and_says_what_hung(stack: ExitStack, how: str) -> None:
    process = start(stack, how, STOP_TIMEOUT="500ms")
    process.wait_for("built")
    began = time.monotonic()
    process.signal(signal.SIGTERM)
    code, said, _ = process.end()
    assert code == 1
    assert time.monotonic() - began < 5
    assert said[-1] == "process.gave_up"
    assert process.lines[-1]["why"] == "stop timed out"
    assert "stubborn" in str(process.lines[-1]["hung"])


def test_a_second_signal_ends_at_once(stack: ExitStack) -> None:
    process = start(stack, "hang")
    process.wait_for("built")
    process.signal(signal.SIGTERM)
    process.wait_for("process.stopping")
    process.signal(signal.SIGTERM)
    code, said, _ = process.end()
    assert (code, said[-1]) == (1, "process.gave_up")
    assert process.lines[-1]["why"] == "second signal"


async def test_ready_when_waits_for_the_server_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    errors = [ConnectionRefusedError("no"), Unavailable("rabbitmq")]

    async def connect() -> str:
        if errors:
            raise errors.pop(0)
        return "connected"

    assert await ready_when("the broker", connect) == "connected"
    assert capsys.readouterr().out.count("waiting for the broker") == 2


async def test_ready_when_does_not_wait_for_what_never_comes() -> None:
    async def connect() -> None:
        raise SettingsError("DATABASE_URL is malformed")

    with pytest.raises(SettingsError):
        await ready_when("postgres", connect)


async def test_every_survives_operating_errors_and_goes_on() -> None:
    outcomes: list[Exception | None] = [None, Unavailable("redis"), Unavailable("redis"), None]
    steps = 0

    async def step() -> None:
        nonlocal steps
        steps += 1
        if steps > len(outcomes):
            raise asyncio.CancelledError
        if (error := outcomes[steps - 1]) is not None:
            raise error

    with pytest.raises(asyncio.CancelledError):
        await every(0.001, step, pause_max_s=0.01)
    assert steps == 5


async def test_the_lines_of_a_step_hang_together_and_those_of_two_do_not() -> None:
    ids: list[str] = []

    async def step() -> None:
        ids.append(structlog.contextvars.get_contextvars()["correlation_id"])
        if len(ids) == 3:
            raise KeyError("enough")

    with pytest.raises(KeyError):
        await asyncio.create_task(every(0.001, step))
    assert len(set(ids)) == 3


async def test_every_ends_on_a_programmers_error() -> None:
    async def step() -> None:
        raise KeyError("a fault")

    with pytest.raises(KeyError):
        await every(0.001, step)


async def test_every_ends_although_its_step_swallows_the_cancellation() -> None:
    waiting = asyncio.Event()

    async def step() -> None:
        waiting.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        looping = tasks.create_task(every(0.001, step))
        await waiting.wait()
        looping.cancel()
    assert looping.cancelled()
