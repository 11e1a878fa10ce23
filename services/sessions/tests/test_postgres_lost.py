import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct
from msgspec.structs import replace

from services.sessions.config import Settings
from services.sessions.store.database import Database, Transaction
from services.sessions.tests.replica import Replica, replica_of
from services.sessions.tests.soundness import assert_sound
from shared.config import Seconds
from shared.errors import Refused, Unavailable
from shared.events import MatchFound, UserRegistered
from shared.identifiers import UserId
from shared.proxy import Proxy
from shared.requests import RequestOpened
from shared.testing import eventually


class Severed(Struct, frozen=True):
    """A replica that reaches Postgres through the proxy, and one that reaches it always."""

    proxy: Proxy
    through: Replica
    beside: Replica


@pytest_asyncio.fixture
async def severed(settings: Settings) -> AsyncIterator[Severed]:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(settings.database_url))
        quick = replace(
            settings,
            database_url=proxy.url,
            database_acquire_timeout_s=Seconds(0.3),
            database_statement_timeout_s=Seconds(0.3),
            database_connect_timeout_s=Seconds(0.3),
        )
        beside = await replica_of(settings, stack)
        yield Severed(proxy, await replica_of(quick, stack), beside)


async def test_nobody_is_answered_while_postgres_is_away_and_all_are_after(
    severed: Severed,
) -> None:
    through = severed.through
    ana = await through.register()
    await severed.proxy.refuse()
    for asking in (through.open(ana), through.state(ana), through.register()):
        with pytest.raises(Unavailable, match="postgres"):
            await asking
    for step in (through.parts.sweep.expire, through.parts.outbox.relay, through.repeat):
        with pytest.raises(Unavailable, match="postgres"):
            await step()
    await severed.proxy.accept()
    opened = await eventually(lambda: answered(through, ana))
    assert opened.state.request is not None


async def answered(sessions: Replica, user: UserId) -> RequestOpened:
    try:
        return await sessions.open(user)
    except Unavailable as error:
        raise AssertionError from error


async def test_a_silent_postgres_is_unavailable_within_its_time_out(severed: Severed) -> None:
    ana = await severed.through.register()
    severed.proxy.hold()
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match="postgres"):
            await severed.through.state(ana)
        with pytest.raises(Unavailable, match="postgres"):
            await severed.through.open(ana)
    severed.proxy.release()
    await eventually(lambda: answered(severed.through, ana))


async def test_a_transaction_that_is_cut_did_not_happen(severed: Severed) -> None:
    ana, ben, found = await severed.beside.waiting_pair()

    async def cut(transaction: Transaction) -> None:
        query = "UPDATE users SET version = 99 WHERE id = $1"
        await transaction.connection.execute(query, ana)
        severed.proxy.cut()
        await transaction.connection.execute(query, ben)

    with pytest.raises(Unavailable, match="postgres"):
        await severed.through.parts.outbox.transact([ana, ben], cut)
    assert (await severed.beside.state(ana)).version == 2
    await severed.through.hear(found)
    assert (await severed.beside.state(ana)).session is not None


async def test_matches_cut_at_any_moment_become_one_session_each(severed: Severed) -> None:
    stood: set[bool] = set()
    for pieces in range(30):
        ana, ben, found = await severed.beside.waiting_pair()
        severed.proxy.cut_after(pieces)
        with contextlib.suppress(Unavailable):
            await severed.through.hear(found)
            break
        stood.add((await severed.beside.state(ana)).session is not None)
        await eventually(partial(heard, severed.through, found))
        one, other = await severed.beside.state(ana), await severed.beside.state(ben)
        assert one.session is not None
        assert other.session is not None
        assert one.session.session_id == other.session.session_id == found.match_id
        assert one.version == other.version == 3
    assert stood == {False, True}, "cut before the commit, and between it and its answer"


async def heard(sessions: Replica, found: MatchFound) -> None:
    """As the bus would, which holds the event while Postgres is away."""
    try:
        await sessions.hear(found)
    except Unavailable as error:
        raise AssertionError from error


async def test_opens_whose_answer_was_lost_opened_at_most_one_request(severed: Severed) -> None:
    stood: set[bool] = set()
    for pieces in range(30):
        users = [await severed.beside.register() for _ in range(3)]
        severed.proxy.cut_after(pieces)
        outcomes = await asyncio.gather(*map(severed.through.open, users), return_exceptions=True)
        severed.proxy.cut()
        for user, outcome in zip(users, outcomes, strict=True):
            pending = (await severed.beside.state(user)).request
            if isinstance(outcome, RequestOpened):
                assert pending is not None
                assert pending.request_id == outcome.request.request_id
            else:
                assert isinstance(outcome, Unavailable)
                stood.add(pending is not None)
            opened = await eventually(partial(open_or_pending, severed.through, user))
            assert opened == await severed.beside.state(user)
    assert stood == {False, True}, "cut before the commit, and between it and its answer"
    await severed.through.parts.outbox.finish()
    await assert_sound(severed.beside, severed.through)


async def open_or_pending(sessions: Replica, user: UserId) -> object:
    try:
        return (await sessions.open(user)).state
    except Refused:
        return await sessions.state(user)
    except Unavailable as error:
        raise AssertionError from error


async def test_a_stop_while_postgres_is_away_is_a_clean_one(severed: Severed) -> None:
    ana = await severed.through.register()
    await severed.through.only(UserRegistered)
    await severed.proxy.refuse()
    await severed.through.parts.outbox.finish()
    left = await severed.beside.value("SELECT correlation_id FROM outbox")
    assert left == ana, "a relay publishes it again"


async def test_postgres_that_ends_its_connections_is_used_again_at_once(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    ana = await one.register()
    await other.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await eventually(lambda: answered(one, ana))


async def test_too_many_connections_are_unavailable(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        first = await replica_of(settings, stack)
        user = await first.value("SELECT current_user")
        password = urlsplit(settings.database_url).password or ""
        await first.rows(f"CREATE ROLE crowd LOGIN PASSWORD '{password}' CONNECTION LIMIT 1")
        try:
            url = settings.database_url.replace(f"//{user}", "//crowd", 1)
            with pytest.raises(Unavailable, match="postgres"):
                await Database.connect(replace(settings, database_url=url))
        finally:
            await first.rows("DROP ROLE crowd")


async def test_an_overtaken_transaction_runs_again_from_the_start(sessions: Replica) -> None:
    tries = 0

    async def overtaken_twice(_: Transaction) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise asyncpg.DeadlockDetectedError
        return tries

    assert await sessions.parts.outbox.transact((), overtaken_twice) == 3


async def test_a_transaction_that_is_always_overtaken_is_unavailable(sessions: Replica) -> None:
    async def overtaken(_: Transaction) -> None:
        raise asyncpg.SerializationError

    with pytest.raises(Unavailable, match="postgres"):
        await sessions.parts.outbox.transact((), overtaken)


async def test_a_real_deadlock_is_resolved(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    both_hold = asyncio.Barrier(2)
    tries: list[UserId] = []

    async def crosswise(first: UserId, second: UserId, transaction: Transaction) -> None:
        tries.append(first)
        change = "UPDATE users SET interests = array_append(interests, 'x') WHERE id = $1"
        await transaction.connection.execute(change, first)
        if len(tries) <= 2:
            await both_hold.wait()
        await transaction.connection.execute(change, second)

    transact = sessions.parts.outbox.transact
    await asyncio.gather(
        transact((), partial(crosswise, ana, ben)), transact((), partial(crosswise, ben, ana))
    )
    assert len(tries) == 3
