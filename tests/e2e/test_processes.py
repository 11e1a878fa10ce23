"""How services begin and end: they wait for their servers, and stop in order and in time."""

import asyncio
import signal
from contextlib import AsyncExitStack
from functools import partial

import pytest

from deploy.local.processes import free_port
from shared.testing import eventually
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import crowd
from tests.e2e.door import Door
from tests.e2e.replica import STOP_LIMIT_S, Replica
from tests.e2e.stack import Shape, Stacks

PAIRS = 60


async def all_told(people: list[Person]) -> None:
    """Everybody knows of one session: by one frame, or by the welcome after a reconnect.

    Within 20 s: states and tickets are repeated after 30 s, which would hide a loss.
    """

    def told() -> None:
        for person in people:
            sessions = {frame["session_id"] for frame in person.heard("match.found")}
            sessions |= {
                frame["session"]["session_id"]
                for frame in person.heard("welcome")
                if frame["session"]
            }
            assert len(sessions) == 1, f"{person.name} heard of {len(sessions)} sessions"
            assert len(person.heard("match.found")) <= 1, f"{person.name} was told twice"

    await eventually(told, deadline_s=20)


@pytest.mark.parametrize("service", ["sessions", "matcher", "gateway"])
async def test_sigterm_stops_a_service_in_time_and_loses_nothing(
    stacks: Stacks, service: str
) -> None:
    stack = stacks.use(Shape())
    async with crowd(stack.urls) as people:
        spaniards = [await people.arrive(f"Es {n}", speaks("es", "en")) for n in range(PAIRS)]
        britons = [await people.arrive(f"En {n}", speaks("en", "es")) for n in range(PAIRS)]
        async with asyncio.TaskGroup() as tasks:
            for person in [*spaniards, *britons]:
                tasks.create_task(person.insist())
            await eventually(lambda: assert_some_asked(people.people))
            leaving = stack.of(service)[0]
            code, took_s = await asyncio.to_thread(leaving.stop)
        assert code == 0, leaving.log_end()
        assert took_s <= STOP_LIMIT_S
        await all_told(people.people)
        rows = "SELECT count(*) FROM match_requests WHERE status = 'matched' AND user_id = ANY($1)"
        ids = [person.id for person in people.people]
        assert await stack.stores.value(rows, ids) == 2 * PAIRS
        if service == "gateway":
            at_home = [person for person in people.people if person.gateways[0] == leaving.url]
            assert all(person.heard("goodbye") for person in at_home)
            assert all(4000 <= person.close_codes[0] < 4500 for person in at_home)


def assert_some_asked(people: list[Person]) -> None:
    assert any(person.heard("match.found") for person in people)


async def test_services_wait_for_their_servers_and_say_so(stacks: Stacks) -> None:
    """Nothing listens at any address they are given; then the servers come, one after another."""
    doors = {name: free_port() for name in ("amqp", "redis", "postgres")}
    stack = stacks.prepare(Shape(gateways=1, matchers=1, sessions=1))
    for replica in stack.replicas:
        replica.environment |= {
            "AMQP_URL": Door.address(stack.stores.amqp_url, doors["amqp"]),
            "REDIS_URL": Door.address(stack.stores.redis_url, doors["redis"]),
            "DATABASE_URL": Door.address(stack.stores.database_url, doors["postgres"]),
        }
        replica.start()
    for replica in stack.replicas:
        await eventually(partial(assert_waits, replica), deadline_s=30)
    async with AsyncExitStack() as opened:
        for url, port in (
            (stack.stores.database_url, doors["postgres"]),
            (stack.stores.redis_url, doors["redis"]),
            (stack.stores.amqp_url, doors["amqp"]),
        ):
            await opened.enter_async_context(Door(url, port).open())
        await asyncio.to_thread(stack.wait_ready)
        async with crowd(stack.urls) as people:
            ana = await people.arrive("Ana", speaks("es", "en"))
            ben = await people.arrive("Ben", speaks("en", "es"))
            await ana.ask()
            await ben.ask()
            await ana.hear("match.found")
        for replica in stack.replicas:
            replica.signal(signal.SIGTERM)
        for replica in stack.replicas:
            code, took_s = await asyncio.to_thread(replica.await_end)
            assert (code, took_s < STOP_LIMIT_S) == (0, True), replica.log_end()


def assert_waits(replica: Replica) -> None:
    assert replica.running(), replica.log_end()
    assert "waiting for" in replica.log()
    assert not replica.ready()


async def test_a_service_told_to_stop_while_it_waits_stops(stacks: Stacks) -> None:
    stack = stacks.prepare(Shape(gateways=1, matchers=1, sessions=1))
    nowhere = {
        "AMQP_URL": Door.address(stack.stores.amqp_url, free_port()),
        "REDIS_URL": Door.address(stack.stores.redis_url, free_port()),
        "DATABASE_URL": Door.address(stack.stores.database_url, free_port()),
    }
    for replica in stack.replicas:
        replica.environment |= nowhere
        replica.start()
    for replica in stack.replicas:
        await eventually(partial(assert_waits, replica), deadline_s=30)
        code, took_s = await asyncio.to_thread(replica.stop)
        assert took_s < STOP_LIMIT_S, replica.log_end()
        assert code == 0, replica.log_end()
