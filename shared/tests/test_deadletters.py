import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from aio_pika.abc import AbstractChannel

from shared import deadletters
from shared.bus.messages import own_headers
from shared.errors import Rejected
from shared.events import PoolLost
from shared.testing import eventually
from shared.tests.broker import Connect, count, has, lost

INBOX, DEAD = "sessions.inbox", "sessions.inbox.dead"
Bury = Callable[..., Awaitable[None]]


@pytest.fixture
def buried(connect: Connect, channel: AbstractChannel) -> Bury:
    async def bury(*events: PoolLost, already: int = 0) -> None:
        async def reject(_event: PoolLost) -> None:
            raise Rejected("of no use")

        bus = await connect("sessions")
        await bus.consume({PoolLost: reject})
        await bus.publish(*events)
        await eventually(partial(has, channel, DEAD, already + len(events)))
        await bus.close()

    return bury


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, clean_amqp_url: str) -> None:
    monkeypatch.setenv("AMQP_URL", clean_amqp_url)


async def tend(*words: str) -> int:
    """The command as a person runs it, which brings its own event loop."""
    return await asyncio.to_thread(deadletters.main, words)


async def test_dead_letters_are_listed_and_stay(
    buried: Bury, channel: AbstractChannel, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = lost(), lost()
    await buried(first, second)
    for _ in range(2):
        assert await tend("list") == 0
        listed = capsys.readouterr().out.splitlines()
        assert [line for line in listed if ": " in line and not line.startswith(" ")] == [
            "matcher.inbox: 0",
            "sessions.inbox: 2",
            "gateway.inbox: 0",
        ]
        rows = [line.split() for line in listed if line.startswith(" ")]
        assert {row[2] for row in rows} == {first.event_id, second.event_id}
        assert all(row[1] == "pool.lost" and row[3:] == ["of", "no", "use"] for row in rows)
        assert all(0 <= int(row[0].removesuffix("s")) < 30 for row in rows)
        await eventually(partial(has, channel, DEAD, 2))


async def test_one_dead_letter_is_replayed_and_handled(
    buried: Bury, connect: Connect, channel: AbstractChannel, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = lost(), lost()
    handled: list[PoolLost] = []
    await buried(first, second)
    capsys.readouterr()
    assert await tend("replay", INBOX, "--id", second.event_id) == 0
    assert capsys.readouterr().out == "sessions.inbox: 1 replayed\n"
    await eventually(partial(has, channel, DEAD, 1))
    message = await (await channel.get_queue(INBOX)).get()
    assert message.message_id == second.event_id
    assert message.type == "pool.lost"
    assert own_headers(message.headers) == {}
    await message.nack(requeue=True)

    async def handle(event: PoolLost) -> None:
        handled.append(event)

    await (await connect("sessions")).consume({PoolLost: handle})
    await eventually(partial(_assert_equal, handled, [second]))


async def test_all_dead_letters_are_replayed_or_dropped(
    buried: Bury, channel: AbstractChannel
) -> None:
    await buried(lost(), lost(), lost())
    assert await tend("replay", INBOX) == 0
    await eventually(partial(has, channel, DEAD, 0))
    assert await count(channel, INBOX) == 3
    await buried(already=3)
    assert await tend("drop", INBOX) == 0
    await eventually(partial(has, channel, DEAD, 0))
    assert await count(channel, INBOX) == 0


async def test_a_letter_that_is_not_there_is_said_by_the_exit_code(
    connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    await connect("sessions")
    capsys.readouterr()
    assert await tend("drop", INBOX, "--id", "nobody") == 1
    assert capsys.readouterr().out == "sessions.inbox: 0 dropped\n"


async def test_an_absent_broker_is_one_clear_line(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMQP_URL", f"amqp://guest:guest@127.0.0.1:{unused_tcp_port}/")
    assert await tend("list") == 1
    assert capsys.readouterr().err.startswith("dead letters cannot be reached: ")


def _assert_equal(left: object, right: object) -> None:
    assert left == right
