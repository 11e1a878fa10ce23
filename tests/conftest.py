"""Stacks of real services for the tests of the whole: at most one runs at a time."""

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.client import untrue
from tests.e2e.stack import Shape, Stack, Stacks
from tests.e2e.stack import stacks as running_stacks
from tests.e2e.stores import Servers


@pytest.fixture(scope="session")
def stacks(
    amqp_url: str, redis_url: str, postgres_url: str, migrated_template: str
) -> Iterator[Stacks]:
    """Stacks before the test servers. The logs are kept in `/tmp` only if a test failed."""
    servers = Servers(amqp_url, redis_url, postgres_url, migrated_template)
    directory = Path(tempfile.mkdtemp(prefix="parley-stacks-"))
    with running_stacks(servers, directory) as all_stacks:
        yield all_stacks
    if not all_stacks.failures:
        shutil.rmtree(directory)


@pytest.fixture
def stack(stacks: Stacks) -> Stack:
    """Two replicas of each service, used by the tests before; people tidy up after themselves."""
    return stacks.use(Shape())


@pytest.fixture(autouse=True)
def _contract() -> Iterator[None]:
    """Nobody hears a frame that is not in the contract."""
    yield
    heard, untrue[:] = list(untrue), []
    assert heard == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows the ends of its services' logs."""
    report = yield
    stacks = getattr(item, "funcargs", {}).get("stacks")
    if report.when != "teardown" and report.failed and isinstance(stacks, Stacks):
        stacks.failures += 1
        report.sections.append(("services", stacks.logs()))
    return report
