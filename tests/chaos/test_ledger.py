"""Two thousand ask at once while services die and events come twice: then everything is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import Struct

from deploy.local.processes import free_port
from shared.testing import eventually
from tests.chaos import ledger
from tests.chaos.copies import copies
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.replica import Replica
from tests.e2e.stack import Shape, Stack, Stacks
from tests.e2e.wires import Wires, lay_wires

PAIRS = 1_000
TOGETHER = 50
COPIED = 0.3
CALLS = 128
"""As many at once as there are connections: the rest wait here, at no cost."""
SHAPE = Shape(
    gateways=2,
    matchers=4,
    sessions=2,
    settings=(
        ("SESSION_JOIN_TIMEOUT", "30m"),  # Nobody joins: sessions stay as they began.
        ("PRESENCE_GRACE", "5m"),  # A slow machine brings 1,000 sockets back after more than 30 s.
        ("QUEUE_DEFAULT_TIMEOUT", "90s"),
    ),
)
VICTIMS = (
    *("matcher-0", "sessions-0", "matcher-1", "gateway-0", "matcher-2", "sessions-1"),
    *("matcher-3", "sessions-0", "gateway-1", "sessions-1"),
)
KILLS = 20
ALL_ASKED_S = 120
"""20 restarts, one after another: a minute on a busy machine."""


class Wired(Struct, frozen=True):
    """A stack whose every process reaches the broker over a wire of its own; ports by name."""

    stack: Stack
    wires: Wires
    ports: dict[str, int]

    async def redelivered(self) -> int:
        """Messages that the broker gave out a second time."""
        counts = [await self.wires.read(port) for port in self.ports.values()]
        return sum(count.redelivered for count in counts)


@asynccontextmanager
async def wired(stacks: Stacks, shape: Shape) -> AsyncIterator[Wired]:
    stack = stacks.prepare(shape)
    ports = {replica.name: free_port() for replica in stack.replicas}
    async with lay_wires(stack.stores.amqp_url, list(ports.values())) as wires:
        for replica in stack.replicas:
            replica.environment["AMQP_URL"] = wires.url(ports[replica.name])
            replica.start()
        await asyncio.to_thread(stack.wait_ready)
        try:
            yield Wired(stack, wires, ports)
        finally:
            stack.kill()


@pytest.mark.timeout(360)
async def test_the_ledger_balances(stacks: Stacks) -> None:
    async with wired(stacks, SHAPE) as it:
        stores = it.stack.stores
        async with (
            crowd(it.stack.urls, erase=False) as people,
            copies(stores, COPIED) as copied,
        ):
            await gather_everybody(people)
            slots = asyncio.Semaphore(CALLS)

            async def ask(person: Person) -> None:
                async with slots:
                    await person.insist(limit_s=ALL_ASKED_S)

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(kill_them(it))
                for person in people.people:
                    tasks.create_task(ask(person))
            copied.keep_on = False
            await asyncio.to_thread(it.stack.wait_ready)
            await eventually(copied.all_put_back, deadline_s=30)
            requests = await eventually(lambda: ledger.ended_requests(stores), deadline_s=100)
            await eventually(lambda: ledger.check_broker(stores), deadline_s=20)
            await eventually(lambda: ledger.check_rows(stores, requests), deadline_s=20)
            await eventually(lambda: ledger.check_events(copied, requests), deadline_s=20)
            await eventually(lambda: ledger.check_told(people.people, requests), deadline_s=20)
            await eventually(lambda: ledger.check_redis(stores), deadline_s=10)
        assert await it.redelivered() >= KILLS, "hardly anything was redelivered: nothing was tried"
        assert copied.republished > PAIRS, "hardly anything was copied: nothing was tried"
        assert len(requests) == 2 * PAIRS
        matched = [request for request in requests.values() if request.status == "matched"]
        assert len(matched) == 2 * PAIRS


async def gather_everybody(people: Crowd) -> None:
    """Spaniards on one gateway and Britons on the other: no pair shares a gateway."""

    async def arrive(number: int) -> None:
        await people.arrive(f"Es {number}", speaks("es", "en"), gateway=0)
        await people.arrive(f"En {number}", speaks("en", "es"), gateway=1)

    for begin in range(0, PAIRS, TOGETHER):
        await asyncio.gather(*map(arrive, range(begin, min(begin + TOGETHER, PAIRS))))


async def kill_them(it: Wired) -> None:
    by_name = {replica.name: replica for replica in it.stack.replicas}
    for number in range(KILLS):
        name = VICTIMS[number % len(VICTIMS)]
        await kill_before_acknowledgement(it, by_name[name])


async def kill_before_acknowledgement(it: Wired, replica: Replica) -> None:
    """SIGKILL after an effect that is durable and before the broker heard that it is."""
    port = it.ports[replica.name]

    async def finished_something() -> None:
        assert replica.running(), replica.log_end()
        counts = await it.wires.read(port)
        assert counts.withheld > 0, f"{replica.name} has finished nothing yet"

    await it.wires.hold(port)
    await eventually(finished_something, deadline_s=20)
    replica.kill()
    await it.wires.cut(port)
    replica.start()
