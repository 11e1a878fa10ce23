"""Real servers for the tests: those the environment names, else throw-away ones.

PARLEY_TEST_AMQP_URL, PARLEY_TEST_REDIS_URL and PARLEY_TEST_POSTGRES_URL (a superuser's) name
servers to use; whatever they hold may be wiped. A server that is not named is started when the
first test asks for it and stopped at the end of the run, and even if the run is killed: in a
container where a Docker engine answers and has the images, else as a process of this machine.
STACK=local|compose decides, as it does for `make up`.
"""

import asyncio
import hashlib
import os
import subprocess
import sysconfig
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import asyncpg
import pytest
import pytest_asyncio
import redis.asyncio

from deploy import choice
from deploy.local import servers
from deploy.local.processes import HOST, Server, ServerFailed, free_port
from deploy.local.processes import start as start_server
from tests import containers

ROOT = Path(__file__).parent
MIGRATIONS = ROOT / "migrations"
DBMATE = Path(sysconfig.get_path("scripts")) / "dbmate"
MIGRATING_LOCK = 7_266_825  # Any number: an advisory lock for runs that share one Postgres.
SERVICE_QUEUES = ("matcher.inbox", "sessions.inbox", "gateway.inbox")
QUEUES = (*SERVICE_QUEUES, *(f"{queue}.dead" for queue in SERVICE_QUEUES), "sessions.requests")
EXCHANGES = ("parley.events", "parley.dead")

# What pytest's summary tells.
used: dict[str, str] = {}  # Server → where it was.
refused: dict[str, None] = {}  # Why not in a container.


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="parley-test-", ignore_cleanup_errors=True) as path:
        Path(path).chmod(0o755)  # Postgres runs as another user when the tests run as root.
        yield Path(path)


@pytest.fixture(scope="session")
def started(server_directory: Path) -> Iterator[ExitStack]:
    """Closes what the fixtures below start, in reverse order, before the directory goes."""
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, server: Server) -> None:
    running = start_server(server)
    stack.callback(running.stop)
    used[server.name] = f"throw-away process, port {server.port}"


def in_container(stack: ExitStack, make: Callable[[int], containers.Contained]) -> str | None:
    """Its address; None when it is to be a process."""
    if why := containers.refused():
        refused[why] = None
        return None
    server = make(free_port())
    try:
        stack.enter_context(containers.running(server))
    except ServerFailed as error:
        if choice.asked():
            raise
        refused[str(error)] = None
        return None
    used[server.name] = f"throw-away container of {server.image}, port {server.port}"
    return server.url


@pytest.fixture(scope="session")
def amqp_url(request: pytest.FixtureRequest) -> str:
    if url := named("rabbitmq", "PARLEY_TEST_AMQP_URL"):
        return url
    stack = request.getfixturevalue("started")
    if url := in_container(stack, containers.rabbitmq):
        return url
    directory = request.getfixturevalue("server_directory") / "rabbitmq"
    epmd_port, port = free_port(), free_port()
    start(stack, servers.epmd(directory, epmd_port))
    start(stack, servers.rabbitmq(directory, port, free_port(), epmd_port))
    return f"amqp://guest:guest@{HOST}:{port}/"


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    if url := named("redis", "PARLEY_TEST_REDIS_URL"):
        return url
    stack = request.getfixturevalue("started")
    if url := in_container(stack, containers.redis):
        return url
    port = free_port()
    start(stack, servers.redis(request.getfixturevalue("server_directory") / "redis", port))
    return f"redis://{HOST}:{port}/0"


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """A superuser's address of a maintenance database: make databases of your own beside it."""
    if url := named("postgres", "PARLEY_TEST_POSTGRES_URL"):
        return url
    stack = request.getfixturevalue("started")
    if url := in_container(stack, containers.postgres):
        return url
    directory = request.getfixturevalue("server_directory") / "postgres"
    port = free_port()
    start(stack, servers.postgres(directory, port, "test"))
    address = f"{servers.POSTGRES_USER}:test@{HOST}:{port}"
    return f"postgres://{address}/postgres?sslmode=disable"


@pytest_asyncio.fixture
async def clean_amqp_url(amqp_url: str) -> str:
    """The broker without any exchange or queue of Parley's."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for queue in QUEUES:
            await channel.queue_delete(queue)
        for exchange in EXCHANGES:
            await channel.exchange_delete(exchange)
    return amqp_url


@pytest_asyncio.fixture
async def clean_redis_url(redis_url: str) -> str:
    """Redis with that one database flushed."""
    async with redis.asyncio.from_url(redis_url) as client:
        await client.flushdb()
    return redis_url


@pytest_asyncio.fixture
async def database_url(postgres_url: str, migrated_template: str) -> AsyncIterator[str]:
    """A migrated database of this test's own, dropped after it."""
    name = f"parley_test_{uuid.uuid4().hex}"
    async with maintenance(postgres_url) as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
        yield with_database(postgres_url, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """The template all tests' databases are copies of; made once per set of migrations."""
    migrations = sorted(MIGRATIONS.glob("*.sql"))
    content = hashlib.sha256(b"".join(path.read_bytes() for path in migrations))
    name = f"parley_template_{content.hexdigest()[:16]}"
    asyncio.run(make_template(postgres_url, name, bool(migrations)))
    return name


async def make_template(postgres_url: str, name: str, migrate: bool) -> None:
    async with maintenance(postgres_url) as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATING_LOCK)
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return
        unfinished = f"{name}_unfinished"
        await connection.execute(f"DROP DATABASE IF EXISTS {unfinished}")
        await connection.execute(f"CREATE DATABASE {unfinished}")
        if migrate:
            run_dbmate(with_database(postgres_url, unfinished))
        await connection.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")


def run_dbmate(url: str) -> None:
    command = [str(DBMATE), "--url", url, "--migrations-dir", str(MIGRATIONS)]
    command += ["--no-dump-schema", "up"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(f"the migrations do not apply:\n{done.stdout}{done.stderr}")


@asynccontextmanager
async def maintenance(postgres_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(postgres_url)
    try:
        yield connection
    finally:
        await connection.close()


def with_database(postgres_url: str, database: str) -> str:
    parts = urlsplit(postgres_url)
    query = parts.query or "sslmode=disable"
    return urlunsplit(parts._replace(path=f"/{database}", query=query))


def named(server: str, variable: str) -> str | None:
    url = os.environ.get(variable)
    if url:
        used[server] = f"{url} (from {variable})"
    return url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for server, where in used.items():
        terminalreporter.write_line(f"server {server}: {where}")
    for why in refused:
        terminalreporter.write_line(f"no containers: {why}")
