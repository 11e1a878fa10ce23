"""What whoever runs it sees of a stack at work."""

import asyncio
from collections.abc import AsyncIterator
from itertools import cycle

import pytest_asyncio

from deploy.operations import memory
from deploy.operations.audit import audit
from deploy.operations.stores import Stores, opened
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.stack import Stack

GRACE_S = 5.0


@pytest_asyncio.fixture
async def people(stack: Stack) -> AsyncIterator[Crowd]:
    async with crowd(stack.urls) as people:
        yield people


@pytest_asyncio.fixture
async def stores(stack: Stack) -> AsyncIterator[Stores]:
    kept = stack.stores
    urls = {"REDIS_URL": kept.redis_url, "AMQP_URL": kept.amqp_url}
    async with opened({"DATABASE_URL": kept.database_url, **urls}) as stores:
        yield stores


async def come_and_go(people: Crowd, rounds: int) -> list[Person]:
    """People who ask, of whom some wait, some give up, and pairs of whom one declines."""
    speakers = cycle([speaks("es", "en"), speaks("en", "es"), speaks("ja", "ko")])
    come: list[Person] = []
    for number in range(rounds):
        person = await people.arrive(f"Ana {number}", next(speakers), gateway=number % 2)
        await person.ask()
        come.append(person)
        if number % 7 == 6:
            await person.call("DELETE", "/match/request")
    return come


async def test_whatever_people_do_all_that_must_hold_holds(people: Crowd, stores: Stores) -> None:
    """Looked at again and again while they do it."""
    coming = asyncio.create_task(come_and_go(people, 30))
    while not coming.done():
        assert await audit(stores, GRACE_S) == []
    come = await coming
    found = [person for person in come if person.heard("match.found")]
    for person in found[::3]:
        session_id = person.heard("match.found")[0]["session_id"]
        await person.say(type="session.decline", session_id=session_id)
    assert await audit(stores, GRACE_S) == []
    held = await memory.read(stores.redis)
    assert held.pool.tickets and held.cards, "nobody was there to be looked at"
