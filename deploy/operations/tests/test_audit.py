import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import aio_pika
import pytest
import pytest_asyncio

from deploy.local.supervision import ROOT
from deploy.operations.audit import NAMES, audit, found
from deploy.operations.stores import Stores, opened
from deploy.operations.tests.world import World, sound_world
from shared.identifiers import new_id

Break = Callable[[World], Awaitable[object]]

AGE = "now() - interval '1 hour'"


@pytest.fixture
def environ(database_url: str, clean_redis_url: str, clean_amqp_url: str) -> dict[str, str]:
    urls = {"REDIS_URL": clean_redis_url, "AMQP_URL": clean_amqp_url}
    return {"DATABASE_URL": database_url, **urls}


@pytest_asyncio.fixture
async def world(environ: dict[str, str]) -> AsyncIterator[World]:
    urls = environ["DATABASE_URL"], environ["REDIS_URL"], environ["AMQP_URL"]
    async with sound_world(*urls) as world:
        yield world


@pytest_asyncio.fixture
async def stores(environ: dict[str, str], world: World) -> AsyncIterator[Stores]:
    async with opened(environ) as stores:
        yield stores


async def second_request(world: World) -> None:
    await world.sql(
        """INSERT INTO match_requests (id, user_id, line, native_languages, practice_languages,
                                       since, created_at, expires_at, repeat_at)
           SELECT gen_random_uuid(), user_id, line, native_languages, practice_languages,
                  since, created_at, expires_at, repeat_at
           FROM match_requests WHERE user_id = $1 AND status = 'pending'""",
        world.waiting[0],
    )


async def second_side(world: World) -> None:
    """Ana, who talks, takes part in a session that is over as if it were not."""
    await world.sql(
        "UPDATE participants SET live = true, user_id = $1 WHERE session_id = $2 AND user_id = $3",
        world.talking[0], world.past[2], world.past[0],
    )  # fmt: skip


async def wait_while_talking(world: World) -> None:
    await world.sql(
        "UPDATE match_requests SET status = 'pending' WHERE user_id = $1", world.talking[0]
    )


async def block(world: World) -> None:
    statement = "INSERT INTO blocks (user_id, blocked_id, created_at) VALUES ($1, $2, now())"
    await world.sql(statement, world.talking[1], world.talking[0])


async def meet_again(world: World) -> None:
    """The session that is over and the one that lives become one line of the same two."""
    for number in (0, 1):
        for table in ("participants", "match_requests"):
            await world.sql(
                f"UPDATE {table} SET user_id = $1 WHERE user_id = $2",
                world.talking[number], world.past[number],
            )  # fmt: skip
    await world.sql(
        """UPDATE match_requests SET line = (SELECT min(line::text)::uuid FROM match_requests
                                             WHERE user_id = $1) WHERE user_id = $1""",
        world.talking[0],
    )


async def claim_and_forget(world: World) -> None:
    await world.say("ZADD", "{pool}:claimed", 0, new_id())
    await world.say("HSET", "{pool}:unpublished", new_id(), "{}")


async def enter_twice(world: World) -> None:
    """Ben's ticket becomes another one of Ana's."""
    body = await world.say("HGET", "{pool}:tickets", await world.request_of(world.waiting[1]))
    changed = body.replace(world.waiting[1].encode(), world.waiting[0].encode())
    await world.say("HSET", "{pool}:tickets", await world.request_of(world.waiting[1]), changed)


async def show_another_session(world: World) -> None:
    key = f"gateway:{{{world.talking[0]}}}:card"
    body = await world.say("HGET", key, "state")
    shown = body.replace(world.talking[2].encode(), new_id().encode())
    await world.say("HSET", key, "state", shown)


async def die(world: World) -> None:
    """A dead letter."""
    async with world.channel() as channel:
        await channel.default_exchange.publish(aio_pika.Message(b"{}"), "sessions.inbox.dead")


async def lose_queue(world: World) -> None:
    async with world.channel() as channel:
        await channel.queue_delete("matcher.inbox.dead")


def sql(statement: str, of: Callable[[World], object]) -> Break:
    """A break that is one statement about one thing."""
    return lambda world: world.sql(statement, of(world))


BREAKS: dict[str, Break] = {
    "one pending request a user": second_request,
    "one live session a user": second_side,
    "a request or a session, never both": wait_while_talking,
    "a request ends once, with time and reason": sql(
        "UPDATE match_requests SET reason = NULL WHERE user_id = $1", lambda it: it.talking[0]
    ),
    "a session ends once, with time and reason": sql(
        "UPDATE chat_sessions SET reason = 'left' WHERE id = $1", lambda it: it.talking[2]
    ),
    "a matched request became a session, and no other did": sql(
        "UPDATE match_requests SET session_id = gen_random_uuid() WHERE user_id = $1",
        lambda it: it.talking[0],
    ),
    "a session has two sides": sql(
        "DELETE FROM participants WHERE user_id = $1", lambda it: it.talking[0]
    ),
    "a side is live while its session is": sql(
        "UPDATE participants SET live = false WHERE user_id = $1", lambda it: it.talking[0]
    ),
    "no live session between two of whom one blocked the other": block,
    "nobody meets the same partner twice in a line of requests": meet_again,
    "who is erased has nothing open": sql(
        "UPDATE users SET erased_at = now() WHERE id = $1", lambda it: it.waiting[0]
    ),
    "no request waits beyond its time": sql(
        f"UPDATE match_requests SET expires_at = {AGE} WHERE user_id = $1",
        lambda it: it.waiting[0],
    ),
    "what is caused is published": sql(
        f"""INSERT INTO outbox (event_id, type, correlation_id, body, created_at)
            VALUES ($1, 'pool.lost', 'c', '{{}}', {AGE})""",
        lambda _: new_id(),
    ),
    "each practises what the other speaks": sql(
        "UPDATE participants SET practises = 'ja' WHERE user_id = $1", lambda it: it.talking[0]
    ),
    "a ticket in the pool is a pending request's, at its attempt": sql(
        "UPDATE match_requests SET attempt = attempt + 1 WHERE user_id = $1",
        lambda it: it.waiting[0],
    ),
    "a pending request has its ticket in the pool": lambda world: world.say(
        "DEL", "{pool}:tickets"
    ),
    "nobody waits twice in the pool": enter_twice,
    "the pool's indexes hold its tickets": lambda world: world.say("DEL", "{pool}:bucket:es:en"),
    "a match that is found is told": claim_and_forget,
    "no card is ahead of its user's version": sql(
        "UPDATE users SET version = version - 1 WHERE id = $1", lambda it: it.talking[0]
    ),
    "a card of the present version shows what is open": show_another_session,
    "only live sessions relay": lambda world: world.say(
        "XADD", f"gateway:{{{world.past[2]}}}:relay:{world.past[0]}", "*", "frame", "{}"
    ),
    "no message is dead": die,
    "every queue is there": lose_queue,
}


def test_every_rule_is_broken_by_a_test() -> None:
    assert sorted(BREAKS) == sorted(NAMES)


async def test_of_what_the_services_make_every_rule_holds(stores: Stores) -> None:
    assert await found(stores) == []


@pytest.mark.parametrize("rule", BREAKS)
async def test_what_is_broken_is_named(stores: Stores, world: World, rule: str) -> None:
    await world.relax()
    await BREAKS[rule](world)
    named = [one for one in await audit(stores, grace_s=0) if one.rule == rule]
    assert named, await found(stores)
    assert all(one.subject and one.says for one in named)


async def test_what_is_on_its_way_is_no_violation(
    stores: Stores, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ticket that comes into the pool during the grace."""
    request_id = await world.request_of(world.waiting[0])
    body = await world.say("HGET", "{pool}:tickets", request_id)
    await world.say("HDEL", "{pool}:tickets", request_id)
    assert await found(stores) != []

    async def arrives(_grace_s: float) -> None:
        await world.say("HSET", "{pool}:tickets", request_id, body)

    monkeypatch.setattr("deploy.operations.audit.asyncio.sleep", arrives)
    assert await audit(stores, grace_s=5) == []


def run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.operations.audit", "--grace", "0"]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environ},
        timeout=60,
    )


@pytest.mark.usefixtures("world")
def test_the_program_ends_with_0_when_all_holds(environ: dict[str, str]) -> None:
    done = run(environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"audit: {len(NAMES)} rules, 0 violations\n"


async def test_the_program_ends_with_1_naming_what_does_not(
    environ: dict[str, str], world: World
) -> None:
    await block(world)
    done = run(environ)
    assert (done.returncode, done.stderr) == (1, "")
    [line, count] = done.stdout.splitlines()
    assert line == (
        "no live session between two of whom one blocked the other: "
        f"{world.talking[2]} {world.talking[1]} blocked {world.talking[0]}"
    )
    assert count.endswith("1 violations")


def test_a_store_that_cannot_be_read_is_said_and_is_no_violation(environ: dict[str, str]) -> None:
    done = run({**environ, "REDIS_URL": "redis://127.0.0.1:9/0"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be read" in done.stderr
