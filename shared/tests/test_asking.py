import asyncio
import time
from functools import partial
from typing import Any

import pytest
import structlog
from aio_pika.abc import AbstractChannel

from shared.errors import Refused, Unavailable
from shared.identifiers import UserId
from shared.requests import Done, GetVersions, ListBlocks, UnblockUser
from shared.testing import Proxy, eventually
from shared.tests.broker import Connect, has, is_down

QUESTION = GetVersions(user_ids=(UserId("u1"), UserId("u2")))
ANSWER = {UserId("u1"): 1, UserId("u2"): 2}


class Answering:
    """Answers versions; what is in `errors` is raised first, `gate` holds it until set."""

    def __init__(self, *errors: Exception, gated: bool = False) -> None:
        self.asked: list[GetVersions] = []
        self.contexts: list[dict[str, Any]] = []
        self.errors = list(errors)
        self.gate = asyncio.Event()
        if not gated:
            self.gate.set()

    async def __call__(self, request: GetVersions) -> dict[UserId, int]:
        self.asked.append(request)
        self.contexts.append(structlog.contextvars.get_contextvars())
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return {user_id: number for number, user_id in enumerate(request.user_ids, 1)}

    def was_asked(self, times: int) -> None:
        assert len(self.asked) == times


async def test_a_request_is_answered(connect: Connect) -> None:
    answering = Answering()
    await (await connect("sessions")).answer({GetVersions: answering})
    assert await (await connect("gateway")).ask(QUESTION) == ANSWER
    assert answering.asked == [QUESTION]


async def test_the_answer_has_the_type_the_request_names(connect: Connect) -> None:
    async def unblock(_request: UnblockUser) -> Done:
        return Done()

    await (await connect("sessions")).answer({UnblockUser: unblock})
    request = UnblockUser(user_id=UserId("u1"), blocked_id=UserId("u2"))
    assert await (await connect("gateway")).ask(request) == Done()


async def test_a_refusal_comes_back_as_it_is(connect: Connect) -> None:
    refusal = Refused("request-pending", "there is one already", {"request_id": "r1"})
    await (await connect("sessions")).answer({GetVersions: Answering(refusal)})
    with pytest.raises(Refused) as refused:
        await (await connect("gateway")).ask(QUESTION)
    assert refused.value.code == "request-pending"
    assert refused.value.detail == "there is one already"
    assert refused.value.about == {"request_id": "r1"}


@pytest.mark.parametrize("error", [Unavailable("postgres"), KeyError("a fault")])
async def test_what_goes_wrong_there_is_unavailable_here_and_the_next_is_answered(
    connect: Connect, error: Exception
) -> None:
    await (await connect("sessions")).answer({GetVersions: Answering(error)})
    bus = await connect("gateway")
    with pytest.raises(Unavailable):
        await bus.ask(QUESTION)
    assert await bus.ask(QUESTION) == ANSWER


async def test_a_request_nobody_knows_to_answer_is_unavailable_at_once(connect: Connect) -> None:
    await (await connect("sessions")).answer({GetVersions: Answering()})
    bus = await connect("gateway")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.ask(ListBlocks(user_id=UserId("u1")))
    assert time.monotonic() - began < 1


async def test_a_request_nobody_answers_times_out_and_is_never_answered(
    connect: Connect, channel: AbstractChannel
) -> None:
    bus, answering = await connect("gateway"), Answering()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.ask(QUESTION, timeout_s=0.3)
    assert 0.3 <= time.monotonic() - began < 0.6
    await eventually(partial(has, channel, "sessions.requests", 0))
    await (await connect("sessions")).answer({GetVersions: answering})
    assert await bus.ask(QUESTION) == ANSWER
    answering.was_asked(1)


async def test_a_request_to_a_queue_that_is_gone_is_unavailable_at_once(
    connect: Connect, channel: AbstractChannel
) -> None:
    bus = await connect("gateway")
    await _outcome(bus.ask(QUESTION, timeout_s=0.2))
    await channel.queue_delete("sessions.requests")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.ask(QUESTION)
    assert time.monotonic() - began < 1


async def test_an_answer_that_comes_too_late_harms_nobody(connect: Connect) -> None:
    answering = Answering(gated=True)
    await (await connect("sessions")).answer({GetVersions: answering})
    bus = await connect("gateway")
    with pytest.raises(Unavailable):
        await bus.ask(QUESTION, timeout_s=0.2)
    answering.gate.set()
    assert await bus.ask(QUESTION) == ANSWER


async def test_replicas_share_the_requests(connect: Connect) -> None:
    first, second = Answering(), Answering()
    await (await connect("sessions")).answer({GetVersions: first}, prefetch=1)
    await (await connect("sessions")).answer({GetVersions: second}, prefetch=1)
    bus = await connect("gateway")
    answers = await asyncio.gather(*(bus.ask(QUESTION) for _ in range(50)))
    assert answers == [ANSWER] * 50
    assert len(first.asked) + len(second.asked) == 50
    assert first.asked
    assert second.asked


async def test_a_request_in_the_hands_of_a_dead_replica_is_answered_by_another(
    connect: Connect, proxy: Proxy
) -> None:
    dying = Answering(gated=True)
    await (await connect("sessions", url=proxy.url)).answer({GetVersions: dying})
    bus = await connect("gateway")
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(bus.ask(QUESTION))
        await eventually(partial(dying.was_asked, 1))
        await (await connect("sessions")).answer({GetVersions: Answering()})
        await proxy.refuse()
    assert asking.result() == ANSWER
    dying.gate.set()


async def test_a_lost_connection_ends_the_wait_at_once_and_asking_goes_on(
    connect: Connect, proxy: Proxy
) -> None:
    answering = Answering(gated=True)
    await (await connect("sessions")).answer({GetVersions: answering})
    bus = await connect("gateway", url=proxy.url)
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(_outcome(bus.ask(QUESTION)))
        await eventually(partial(answering.was_asked, 1))
        began = time.monotonic()
        proxy.cut()
    assert isinstance(asking.result(), Unavailable)
    assert time.monotonic() - began < 1
    answering.gate.set()
    assert await bus.ask(QUESTION) == ANSWER


async def test_an_answer_ready_while_the_connection_is_gone_goes_over_the_next(
    connect: Connect, proxy: Proxy
) -> None:
    answering = Answering(gated=True)
    sessions = await connect("sessions", url=proxy.url)
    await sessions.answer({GetVersions: answering})
    bus = await connect("gateway")
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(bus.ask(QUESTION))
        await eventually(partial(answering.was_asked, 1))
        await proxy.refuse()
        await eventually(partial(is_down, sessions))
        answering.gate.set()
        await proxy.accept()
    assert asking.result() == ANSWER


async def test_asking_an_absent_broker_is_unavailable_and_soon_at_once(
    connect: Connect, proxy: Proxy
) -> None:
    bus = await connect("gateway", url=proxy.url)
    await proxy.refuse()
    assert isinstance(await _outcome(bus.ask(QUESTION)), Unavailable)
    began = time.monotonic()
    assert isinstance(await _outcome(bus.ask(QUESTION)), Unavailable)
    assert time.monotonic() - began < 0.2


async def test_a_broker_that_says_nothing_makes_asking_time_out(
    connect: Connect, proxy: Proxy
) -> None:
    await (await connect("sessions")).answer({GetVersions: Answering()})
    bus = await connect("gateway", url=proxy.url)
    assert await bus.ask(QUESTION) == ANSWER
    proxy.hold()
    began = time.monotonic()
    assert isinstance(await _outcome(bus.ask(QUESTION, timeout_s=0.5)), Unavailable)
    assert 0.5 <= time.monotonic() - began < 0.8
    proxy.release()
    assert await bus.ask(QUESTION) == ANSWER


async def test_the_correlation_of_the_asker_is_that_of_the_answerer(connect: Connect) -> None:
    answering = Answering()
    await (await connect("sessions")).answer({GetVersions: answering})
    bus = await connect("gateway")
    with structlog.contextvars.bound_contextvars(correlation_id="call-7"):
        await bus.ask(QUESTION)
    assert answering.contexts == [{"correlation_id": "call-7"}]


async def test_stopping_answers_what_is_in_hand(connect: Connect) -> None:
    answering = Answering(gated=True)
    sessions, bus = await connect("sessions"), await connect("gateway")
    await sessions.answer({GetVersions: answering})
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(bus.ask(QUESTION))
        await eventually(partial(answering.was_asked, 1))
        stopping = tasks.create_task(sessions.close())
        answering.gate.set()
    assert stopping.done()
    assert asking.result() == ANSWER


async def test_a_closed_bus_is_unavailable(connect: Connect) -> None:
    bus = await connect("gateway")
    await bus.close()
    with pytest.raises(Unavailable):
        await bus.ask(QUESTION)


async def _outcome(asking: Any) -> object:
    try:
        return await asking
    except Unavailable as error:
        return error
