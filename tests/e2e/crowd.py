"""The people of one test: registered, connected, and gone without a trace at its end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2

from tests.e2e.client import Languages, Person

HTTP_TIMEOUT_S = 15.0
ADDRESSES = tuple(f"127.0.7.{n}" for n in range(1, 9))
"""Source addresses of the phones: limits are per address, and one address is not a crowd."""


class Crowd:
    """People of one test, gone without a trace at its end."""

    def __init__(
        self, gateways: Sequence[str], https: Sequence[httpx2.AsyncClient], tasks: asyncio.TaskGroup
    ) -> None:
        self.gateways = gateways
        self.people: list[Person] = []
        self._https = https
        self._tasks = tasks

    async def newcomer(
        self, name: str, languages: Languages, *, gateway: int | None = None, **profile: Any
    ) -> Person:
        """Somebody registered; gateways take turns unless one is named."""
        number = len(self.people)
        http = self._https[number % len(self._https)]
        home = number % len(self.gateways) if gateway is None else gateway
        address = ADDRESSES[number % len(ADDRESSES)]
        person = Person(self.gateways, home, http, address, self._tasks)
        self.people.append(person)
        await person.register(name, languages, **profile)
        return person

    async def arrive(
        self, name: str, languages: Languages, *, gateway: int | None = None, **profile: Any
    ) -> Person:
        """Somebody registered and connected."""
        person = await self.newcomer(name, languages, gateway=gateway, **profile)
        await person.connect()
        return person

    async def disperse(self) -> None:
        """Erase everybody: whoever merely hangs up leaves a session behind, whose end half a
        minute later sends the partner, gone as well, to meet people of other tests."""
        async with asyncio.TaskGroup() as tasks:
            for person in self.people:
                tasks.create_task(person.try_call("DELETE", "/users/me"))

    async def hang_up(self) -> None:
        await asyncio.gather(*(person.leave() for person in self.people))


@asynccontextmanager
async def crowd(gateways: Sequence[str], *, erase: bool = True) -> AsyncIterator[Crowd]:
    """A crowd before these gateways (`http://127.0.0.1:…`), erased at the end.

    Without `erase` the stack is of no use to others: requests and sessions stay as they are.
    """
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        https = [await stack.enter_async_context(_phone_network(address)) for address in ADDRESSES]
        people = Crowd(gateways, https, tasks)
        try:
            yield people
        finally:
            if erase:
                await people.disperse()
            await people.hang_up()


def _phone_network(address: str) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=16, max_keepalive_connections=16)
    transport = httpx2.AsyncHTTPTransport(local_address=address, limits=limits)
    return httpx2.AsyncClient(transport=transport, timeout=HTTP_TIMEOUT_S, trust_env=False)
