from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aio_pika import Message
from aio_pika.abc import AbstractChannel

from shared import tracing
from shared.bus import topology
from shared.events import AnyEvent, TicketOpened
from shared.identifiers import UserId
from shared.messaging import encoded
from shared.requests import GetVersions
from shared.testing import eventually
from shared.tests.broker import Connect
from shared.tests.collector import Collector, traced
from shared.tests.lines import Lines, lines_written

THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with traced("matcher", monkeypatch) as collector:
        yield collector


@pytest.fixture
def lines() -> Iterator[Lines]:
    with lines_written() as lines:
        yield lines


@pytest.fixture
def opened(golden: dict[str, AnyEvent]) -> TicketOpened:
    opened = golden["ticket.opened"]
    assert isinstance(opened, TicketOpened)
    return opened


class Handling:
    """Handles events; remembers what trace each was handled in."""

    def __init__(self) -> None:
        self.traces: list[str] = []

    async def __call__(self, _event: TicketOpened) -> None:
        self.traces.append(tracing.trace_id())

    def has(self, times: int) -> None:
        assert len(self.traces) == times


async def test_a_trace_goes_on_where_its_event_is_handled(
    connect: Connect, collector: Collector, opened: TicketOpened
) -> None:
    handling = Handling()
    matcher, sessions = await connect("matcher"), await connect("sessions")
    await matcher.consume({TicketOpened: handling})
    with tracing.began("POST"):
        await sessions.publish(opened)
    await eventually(lambda: handling.has(1))
    await matcher.close()
    tracing.stop()
    published, handled = (
        collector.one("publish ticket.opened"),
        collector.one("handle ticket.opened"),
    )
    assert published.parent_id == collector.one("POST").span_id
    assert (handled.trace_id, handled.parent_id) == (published.trace_id, published.span_id)
    assert (published.kind, handled.kind) == ("PRODUCER", "CONSUMER")
    assert handled.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "matcher.inbox",
        "parley.correlation_id": opened.correlation_id,
        "parley.outcome": "handled",
    }


async def test_events_published_together_keep_their_own_traces(
    connect: Connect, collector: Collector, opened: TicketOpened
) -> None:
    handling = Handling()
    await (await connect("matcher")).consume({TicketOpened: handling})
    carried = []
    for call in ("POST", "GET"):
        with tracing.began(call):
            carried.append(tracing.carried())
    messages = [encoded(opened, trace) for trace in carried]
    await (await connect("sessions")).publish_encoded(*messages)
    await eventually(lambda: handling.has(2))
    assert sorted(handling.traces) == sorted(trace.split("-")[1] for trace in carried)


async def test_a_question_and_its_answer_are_of_one_trace(
    connect: Connect, collector: Collector
) -> None:
    async def answer(_request: GetVersions) -> dict[UserId, int]:
        return {}

    sessions = await connect("sessions")
    await sessions.answer({GetVersions: answer})
    gateway = await connect("gateway")
    with tracing.began("GET"):
        await gateway.ask(GetVersions(user_ids=()))
    await sessions.close()
    tracing.stop()
    asked, answered = collector.one("ask state.versions"), collector.one("answer state.versions")
    assert (asked.kind, answered.kind) == ("CLIENT", "SERVER")
    assert (answered.trace_id, answered.parent_id) == (asked.trace_id, asked.span_id)
    assert answered.attributes["parley.outcome"] == "answered"


async def test_what_no_trace_caused_is_published_handled_and_asked_without_spans(
    connect: Connect, collector: Collector, opened: TicketOpened
) -> None:
    handling = Handling()
    matcher = await connect("matcher")
    await matcher.consume({TicketOpened: handling})
    await (await connect("sessions")).publish(opened)
    await eventually(lambda: handling.has(1))
    await matcher.close()
    tracing.stop()
    assert collector.spans == []
    assert handling.traces == [""]


async def test_a_process_that_makes_no_spans_passes_on_what_it_finds_with_an_event(
    connect: Connect, channel: AbstractChannel, opened: TicketOpened
) -> None:
    sessions = await connect("sessions")
    await sessions.publish_encoded(encoded(opened, THEIRS))
    queue = await channel.get_queue("matcher.inbox")
    message = await queue.get()
    await message.ack()
    assert message.headers["traceparent"] == THEIRS
    await sessions.publish(opened)
    message = await queue.get()
    await message.ack()
    assert "traceparent" not in message.headers


async def test_a_header_that_is_no_traceparent_hurts_nobody(
    connect: Connect, channel: AbstractChannel, collector: Collector, opened: TicketOpened
) -> None:
    handling = Handling()
    await (await connect("matcher")).consume({TicketOpened: handling})
    exchange = await channel.get_exchange(topology.EVENTS)
    for nonsense in ("nonsense", 7, None):
        body = encoded(opened).body
        message = Message(body, type="ticket.opened", headers={"traceparent": nonsense})
        await exchange.publish(message, "ticket.opened")
    await eventually(lambda: handling.has(3))


async def test_a_link_that_outlives_the_call_that_opened_it_has_none_of_its_ids(
    connect: Connect, lines: Lines
) -> None:
    async def answer(_request: GetVersions) -> dict[UserId, int]:
        return {}

    gateway = await connect("gateway")
    await (await connect("sessions")).answer({GetVersions: answer})
    with structlog.contextvars.bound_contextvars(correlation_id="the first call's"):
        await gateway.ask(GetVersions(user_ids=()))
    [connected] = [line for line in lines if line.get("link") == "gateway.replies"]
    assert "correlation_id" not in connected


async def test_what_is_not_even_an_event_is_buried_under_the_id_it_came_with(
    connect: Connect, channel: AbstractChannel, lines: Lines
) -> None:
    def buried() -> dict[str, Any]:
        found = [line for line in lines if line["event"] == "message.buried"]
        assert len(found) == 1
        return found[0]

    await (await connect("matcher")).consume({TicketOpened: Handling()})
    exchange = await channel.get_exchange(topology.EVENTS)
    await exchange.publish(Message(b"{", correlation_id="c-17"), "ticket.opened")
    assert (await eventually(buried))["correlation_id"] == "c-17"
