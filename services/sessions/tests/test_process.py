"""The process as it runs, between a real broker and a real Postgres."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
import pytest_asyncio
from msgspec import Struct

from services.sessions.config import Settings
from services.sessions.tests.replica import ENGLISH, SPANISH, Speaks, match
from shared.bus import Bus
from shared.errors import Refused, Unavailable
from shared.events import (
    PoolMeasured,
    PulseReturned,
    PulseSent,
    StateChanged,
    TicketClosed,
    TicketOpened,
)
from shared.identifiers import TokenId, UserId, new_id
from shared.proxy import Proxy
from shared.requests import CancelRequest, GetState, OpenRequest, RegisterUser
from shared.testing import RecordingPublisher, eventually


class Line(Struct):
    """What a log line is asked for here."""

    event: str


class Around(Struct, frozen=True):
    """The services around sessions: what they heard, and their ends of the bus."""

    gateway: Bus
    matcher: Bus
    heard: RecordingPublisher

    async def register(self, speaks: Speaks) -> UserId:
        """Once somebody answers."""
        natives, practices = speaks
        asked = RegisterUser(
            user_id=UserId(new_id()),
            display_name="Ana",
            native_languages=natives,
            practice_languages=practices,
            interests=(),
            relay_only=False,
            token_id=TokenId(new_id()),
            token_expires_in_s=60,
        )

        async def registered() -> UserId:
            try:
                return (await self.gateway.ask(asked)).id
            except Unavailable as error:
                raise AssertionError from error

        return await eventually(registered, deadline_s=20)


@pytest_asyncio.fixture
async def around(clean_amqp_url: str) -> AsyncIterator[Around]:
    async with AsyncExitStack() as stack:
        heard = RecordingPublisher()
        gateway = await Bus.connect(clean_amqp_url, "gateway")
        stack.push_async_callback(gateway.close)
        matcher = await Bus.connect(clean_amqp_url, "matcher")
        stack.push_async_callback(matcher.close)

        async def come_back(pulse: PulseSent) -> None:
            await heard.publish(pulse)
            await gateway.publish(PulseReturned(correlation_id="x", sent_at=pulse.sent_at))

        await matcher.consume({TicketOpened: heard.publish, TicketClosed: heard.publish})
        await gateway.consume(
            {StateChanged: heard.publish, PoolMeasured: heard.publish, PulseSent: come_back}
        )
        yield Around(gateway, matcher, heard)


@asynccontextmanager
async def running(settings: Settings, amqp_url: str) -> AsyncIterator[Process]:
    environment = os.environ | {"DATABASE_URL": settings.database_url, "AMQP_URL": amqp_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.sessions", env=environment, stdout=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: Process, event: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(10):
        async for line in process.stdout:
            if msgspec.json.decode(line, type=Line).event == event:
                return
    raise AssertionError(f"ended without saying {event}")


async def test_two_people_are_paired_through_a_real_broker(
    around: Around, settings: Settings, amqp_url: str
) -> None:
    async with running(settings, amqp_url) as process:
        ana = await around.register(SPANISH)
        ben = await around.register(ENGLISH)
        one = await around.gateway.ask(OpenRequest(user_id=ana, timeout_s=60))
        other = await around.gateway.ask(OpenRequest(user_id=ben, timeout_s=60))
        await eventually(lambda: heard(around, TicketOpened, 2))
        found = match(one, other)
        await asyncio.gather(*(around.matcher.publish(found) for _ in range(5)))
        await eventually(lambda: heard(around, StateChanged, 1))
        states = around.heard.of(StateChanged)[0].states
        assert [state.session.session_id for state in states if state.session] == [
            found.match_id
        ] * 2
        assert await around.gateway.ask(GetState(user_id=ana)) == states[0]
        with pytest.raises(Refused) as refused:
            await around.gateway.ask(CancelRequest(user_id=ben))
        assert refused.value.about["session_id"] == found.match_id
        await eventually(lambda: heard(around, PulseSent, 1))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_requests_expire_within_a_second_of_their_time(
    around: Around, settings: Settings, amqp_url: str
) -> None:
    async with running(settings, amqp_url):
        ana = await around.register(SPANISH)
        opened = await around.gateway.ask(OpenRequest(user_id=ana, timeout_s=2))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await eventually(lambda: heard(around, TicketClosed, 1))
        assert 1.9 < loop.time() - began < 3
        assert around.heard.of(TicketClosed)[0].request_id == opened.request.request_id


async def test_the_process_waits_for_postgres_and_says_so(
    around: Around, settings: Settings, amqp_url: str
) -> None:
    async with Proxy(settings.database_url) as proxy:
        await proxy.refuse()
        away = msgspec.structs.replace(settings, database_url=proxy.url)
        async with running(away, amqp_url) as process:
            await said(process, "waiting for postgres")
            await proxy.accept()
            await around.register(SPANISH)


def heard(around: Around, kind: type, number: int) -> None:
    assert len(around.heard.of(kind)) == number
