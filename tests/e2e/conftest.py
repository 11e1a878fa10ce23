"""Browsers for the tests of the web client, the stack they speak to, and a TURN server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.browsers import Browsers
from tests.e2e.browsers import browsers as opened_browsers
from tests.e2e.place import Place, visited
from tests.e2e.stack import Shape, Stack, Stacks
from tests.e2e.turn import Turn, turn_server

# Long enough for a page on a busy machine, which shows a partner for 3 s before it joins.
JOIN_TIMEOUT_S = 12


@pytest_asyncio.fixture
async def browsers() -> AsyncIterator[Browsers]:
    async with opened_browsers() as opened:
        yield opened


@pytest.fixture(scope="session")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turn]:
    directory: Path = tmp_path_factory.mktemp("coturn")
    with turn_server(directory) as running:
        yield running


@pytest.fixture
def web(stacks: Stacks, turn: Turn) -> Stack:
    """Two gateways and one of each other service, with a relay and little patience."""
    settings = {
        "SESSION_JOIN_TIMEOUT": f"{JOIN_TIMEOUT_S}s",
        # Tests write faster than people.
        "CHATS_BURST_MAX": "200",
        "CHATS_PER_S_MAX": "200",
    }
    everything = (*turn.settings, *settings.items())
    return stacks.use(Shape(matchers=1, sessions=1, settings=everything))


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """The stack that `make talk` visits, else the `web`."""
    present = visited()
    if present is not None:
        return present
    web: Stack = request.getfixturevalue("web")
    return Place(web.urls, web.stores.query)
