"""What only a broker of one's own can show: its restart, and its memory alarm."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local import processes, servers
from shared.bus import Bus
from shared.config import BusSettings
from shared.errors import Unavailable
from shared.events import PoolLost, PulseSent
from shared.identifiers import UserId
from shared.requests import GetVersions
from shared.testing import eventually
from shared.tests.broker import PATIENT, QUICK, Connect, is_down, is_up, lost


class Broker:
    """A RabbitMQ that may be stopped, started and starved."""

    def __init__(self, directory: Path) -> None:
        ports = [processes.free_port() for _ in range(3)]
        self.port = ports[0]
        self.epmd = servers.epmd(directory, ports[2])
        self._server = servers.rabbitmq(directory, ports[0], ports[1], ports[2])
        self._running: processes.Running | None = None
        self.url = f"amqp://guest:guest@{processes.HOST}:{self.port}/"

    def start(self) -> None:
        self._running = processes.start(self._server)

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def set_memory_limit(self, share: str) -> None:
        """`0` blocks every publisher, as a broker out of memory does."""
        self.control("set_vm_memory_high_watermark", share)

    def control(self, *words: str) -> None:
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *words]
        environment = {**self._server.environment, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("rabbitmq"))
    with ExitStack() as stack:
        stack.callback(processes.start(broker.epmd).stop)
        stack.callback(broker.stop)
        broker.start()
        yield broker


@pytest_asyncio.fixture
async def connect_to_it(broker: Broker) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def connect(service: str, settings: BusSettings = QUICK) -> Bus:
            bus = await Bus.connect(broker.url, service, settings)
            stack.push_async_callback(bus.close)
            return bus

        yield connect


async def test_a_restarted_broker_is_used_again_and_has_lost_nothing(
    broker: Broker, connect_to_it: Connect
) -> None:
    handled: list[PoolLost] = []

    async def handle(event: PoolLost) -> None:
        handled.append(event)

    async def versions(request: GetVersions) -> dict[UserId, int]:
        return dict.fromkeys(request.user_ids, 1)

    def has_handled(event: PoolLost) -> None:
        assert event in handled

    question = GetVersions(user_ids=(UserId("u1"),))
    publisher, gateway = await connect_to_it("matcher"), await connect_to_it("gateway")
    sessions = await connect_to_it("sessions")
    await sessions.answer({GetVersions: versions})
    before, after = lost("before"), lost("after")
    await publisher.publish(before)
    assert await gateway.ask(question) == {"u1": 1}

    await asyncio.to_thread(broker.stop)
    for bus in (publisher, gateway, sessions):
        await eventually(partial(is_down, bus))
    broker.start()  # In this thread: the server ends with the thread that started it.
    for bus in (publisher, gateway, sessions):
        await eventually(partial(is_up, bus), deadline_s=10)

    await publisher.publish(after)
    await sessions.consume({PoolLost: handle})
    await eventually(partial(has_handled, before))
    await eventually(partial(has_handled, after))
    assert await gateway.ask(question) == {"u1": 1}


async def test_a_memory_alarm_makes_publishing_time_out_until_it_ends(
    broker: Broker, connect_to_it: Connect
) -> None:
    handled: list[PoolLost] = []

    async def handle(event: PoolLost) -> None:
        handled.append(event)

    publisher, sessions = await connect_to_it("matcher"), await connect_to_it("sessions")
    waiting = lost("published before, consumed during the alarm")
    await publisher.publish(waiting)
    await asyncio.to_thread(broker.set_memory_limit, "0")
    try:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await publisher.publish(lost())
        assert time.monotonic() - began < QUICK.amqp_publish_timeout_s + 0.5
        await sessions.consume({PoolLost: handle})
        await eventually(partial(_assert_in, waiting, handled))
    finally:
        await asyncio.to_thread(broker.set_memory_limit, "0.4")
    after = lost("after")
    await publisher.publish(after)
    await eventually(partial(_assert_in, after, handled))


async def test_a_full_queue_refuses_and_is_tried_again_until_there_is_room(
    broker: Broker, connect_to_it: Connect
) -> None:
    """Refused, not dropped: the oldest must not make room for the newest."""
    publisher, patient = await connect_to_it("matcher"), await connect_to_it("matcher", PATIENT)
    policy = ("full", "^gateway", '{"max-length": 1}', "--apply-to", "queues")
    await asyncio.to_thread(broker.control, "set_policy", *policy)
    pulse = PulseSent(correlation_id="c", sent_at=datetime.now(UTC))

    async def is_refused() -> None:
        try:
            await publisher.publish(pulse)
        except Unavailable:
            return
        raise AssertionError("a quorum queue takes a few more than it may")

    await eventually(is_refused, deadline_s=20)
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(patient.publish(pulse))
        await asyncio.to_thread(broker.control, "clear_policy", "full")
    assert publishing.done()


def _assert_in(event: PoolLost, handled: list[PoolLost]) -> None:
    assert event in handled
