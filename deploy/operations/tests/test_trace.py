import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.supervision import ROOT
from deploy.operations.logs import concerning
from deploy.operations.tests.world import World, sound_world
from shared.identifiers import new_id


@pytest.fixture
def environ(
    database_url: str, clean_redis_url: str, clean_amqp_url: str, tmp_path: Path
) -> dict[str, str]:
    (tmp_path / "logs").mkdir()
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": clean_redis_url,
        "AMQP_URL": clean_amqp_url,
        "PARLEY_LOCAL": str(tmp_path),
        "STACK": "local",
    }


@pytest_asyncio.fixture
async def world(environ: dict[str, str]) -> AsyncIterator[World]:
    urls = environ["DATABASE_URL"], environ["REDIS_URL"], environ["AMQP_URL"]
    async with sound_world(*urls) as world:
        yield world


def trace(environ: dict[str, str], user_id: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.operations.trace", user_id, *more],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environ},
        timeout=60,
    )


def line(event: str, **fields: object) -> str:
    at = {"timestamp": "2026-11-23T12:00:00.000001Z", "service": "gateway"}
    return json.dumps({**at, "instance": "gateway-1", "event": event, "level": "info", **fields})


async def test_every_store_says_what_it_knows_of_who_waits(
    environ: dict[str, str], world: World
) -> None:
    ana = world.waiting[0]
    request_id = await world.request_of(ana)
    done = trace(environ, ana)
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        f"request   {request_id} pending attempt 1",
        "card      version 2, shows request " + request_id,
        "presence  counts as silent in",
        f"ticket    {request_id} waits at attempt 1 (index: 1), in waiting and expiries",
        "matcher.inbox        0",
        f"request {request_id} opened",
    ):
        assert said in done.stdout, (said, done.stdout)


async def test_every_store_says_what_it_knows_of_who_talks(
    environ: dict[str, str], world: World
) -> None:
    ana, ben, session = world.talking
    done = trace(environ, ana)
    for said in (
        f"session   {session} waiting generation 0",
        f"shows session {session}",
        f"relay     {session} to {ben}: 1 frames",
        f"session {session} with {ben} created",
        "ended: matched, matched",
    ):
        assert said in done.stdout, (said, done.stdout)


async def test_what_is_over_is_told_in_the_order_it_happened(
    environ: dict[str, str], world: World
) -> None:
    ana, _, session = world.past
    done = trace(environ, ana)
    happened = done.stdout.split("What happened")[1]
    order = ["registered", "opened", "matched", f"session {session} ended: declined, the user's"]
    places = [happened.index(what) for what in order]
    assert places == sorted(places)
    assert f"relay     {session} is over" in done.stdout
    shorter = trace(environ, ana, "--moments", "1").stdout
    assert "moments before" in shorter and "registered" not in shorter


async def test_the_log_is_told_between_the_rows(environ: dict[str, str], world: World) -> None:
    ana = world.waiting[0]
    log = Path(environ["PARLEY_LOCAL"]) / "logs" / "gateway-1.log"
    said = line("call.answered", correlation_id="c-1", user_id=ana, path="/api/v1/match/request")
    log.write_text(f"{said}\nno JSON\n{line('call.answered', correlation_id='c-2')}\n")
    done = trace(environ, ana)
    told = [one for one in done.stdout.splitlines() if "call.answered" in one]
    assert len(told) == 1
    assert "gateway-1" in told[0] and "path=/api/v1/match/request" in told[0] and "c-1" in told[0]


async def test_a_path_that_somebody_made_up_steers_no_terminal(
    environ: dict[str, str], world: World
) -> None:
    ana = world.waiting[0]
    log = Path(environ["PARLEY_LOCAL"]) / "logs" / "gateway-1.log"
    log.write_text(line("call.answered", correlation_id="c-1", user_id=ana, path="/\x1b[2J\nñ"))
    said = trace(environ, ana).stdout
    assert "path=/\\u001b[2J\\u000añ" in said and "\x1b" not in said


async def test_nothing_that_people_wrote_is_shown(environ: dict[str, str], world: World) -> None:
    ana = world.waiting[0]
    await world.sql("UPDATE users SET display_name = 'Ana of the secret name' WHERE id = $1", ana)
    assert "secret name" not in trace(environ, ana).stdout


@pytest.mark.usefixtures("world")
def test_nobody_and_no_id_are_said_to_be(environ: dict[str, str]) -> None:
    for user_id, why in ((new_id(), "nobody has the id"), ("Ana", "is no id")):
        done = trace(environ, user_id)
        assert (done.returncode, done.stdout) == (1, "") and why in done.stderr


def test_lines_that_belong_to_one_that_names_the_user_are_told_too() -> None:
    told = concerning(
        ["user-1"],
        [
            line("call.aside_failed", correlation_id="c-1"),
            line("call.answered", correlation_id="c-1", user_id="user-1"),
            line("match.voided", correlation_id="c-2"),
            line("refresh.not_loaded", correlation_id="gateway-1", user_id="user-1"),
            line("process.started", correlation_id="gateway-1"),
            "Traceback (most recent call last):",
        ],
    )
    events = [moment.what.split()[0] for moment in told]
    assert events == ["call.aside_failed", "call.answered", "refresh.not_loaded"]
