"""The trace of one call, up to the frames it leads to, as a collector of traces is sent it."""

import json
from collections.abc import Iterator

import pytest

from shared.testing import eventually
from shared.tests.collector import Collector, Span, collecting
from tests.e2e.client import speaks
from tests.e2e.crowd import crowd
from tests.e2e.stack import Shape, Stack, Stacks

CALL = "POST /api/v1/match/request"
FRAME = "send match.found"
# Every step on the way back from a frame to the call that led to it.
WAY = [
    FRAME,
    "handle state.changed",
    "publish state.changed",
    "handle match.found",
    "publish match.found",
    "pair",
    "handle ticket.opened",
    "publish ticket.opened",
    "answer request.open",
    "ask request.open",
    CALL,
]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def traced(stacks: Stacks, collector: Collector) -> Iterator[Stack]:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        # On a slow machine a gateway might else ask for the state before it is told: by the clock,
        # and so in no trace.
        "REFRESH_INTERVAL": "1m",
        "PRESENCE_GRACE": "3m",
        "OWNER_LIFETIME": "3m",
    }
    with stacks.alone(Shape(settings=tuple(settings.items()))) as stack:
        yield stack


def way_back(spans: list[Span], last: Span) -> list[Span]:
    """From `last` to the root of its trace. Fails while some are still to be sent."""
    by_id = {span.span_id: span for span in spans}
    way = [last]
    while way[-1].parent_id:
        assert way[-1].parent_id in by_id, way
        way.append(by_id[way[-1].parent_id])
    return way


async def test_a_call_is_traced_through_all_services_to_the_frames_on_both_sockets(
    traced: Stack, collector: Collector
) -> None:
    async with crowd(traced.urls) as people:
        ana = await people.arrive("Ana", speaks("es", "en"), gateway=0)
        ben = await people.arrive("Ben", speaks("en", "es"), gateway=1)
        request = await ana.ask()
        await ben.ask()
        for person in (ana, ben):
            assert (await person.hear("match.found"))["session_id"]

        def whole() -> list[Span]:
            told = collector.named(FRAME)
            assert len(told) == 2
            spans = collector.trace(told[0].trace_id)
            for frame in told:
                way_back(spans, frame)
            return spans

        spans = await eventually(whole)
    told = collector.named(FRAME)
    assert {span.attributes["parley.user_id"] for span in told} == {ana.id, ben.id}
    for frame in told:
        way = way_back(spans, frame)
        assert [span.name for span in way] == WAY
        assert {span.service for span in way} == {"gateway", "sessions", "matcher"}
    stores = {span.service for span in spans if span.name == "postgres transaction"}
    assert stores == {"sessions"}
    assert {"redis open", "redis claim", "redis tell"} <= {span.name for span in spans}
    assert_linked(collector, request)


def assert_linked(collector: Collector, request_id: str) -> None:
    """The match is Ben's trace, and says which was Ana's: that in which her ticket was opened."""
    opened = [
        span
        for span in collector.named("publish ticket.opened")
        if span.attributes["parley.correlation_id"] == request_id
    ]
    [(trace_id, _)] = collector.one("pair").links
    assert {span.trace_id for span in opened} == {trace_id}
    assert trace_id != collector.one("pair").trace_id


async def test_the_log_names_the_trace_and_nothing_of_what_was_said_is_in_a_span(
    traced: Stack, collector: Collector
) -> None:
    async with crowd(traced.urls) as people:
        ana = await people.arrive("Ana of the secret name", speaks("es", "en"))
        await ana.ask()

        def all_sent() -> None:
            assert collector.named(CALL) and collector.named("handle ticket.opened")

        await eventually(all_sent)
    call = collector.one(CALL)
    log = "\n".join(replica.log() for replica in traced.of("gateway"))
    lines = [json.loads(line) for line in log.splitlines() if call.trace_id in line]
    [answered] = [line for line in lines if line["event"] == "call.answered"]
    assert answered["correlation_id"] == call.attributes["parley.correlation_id"]
    assert answered["user_id"] == ana.id
    assert "secret name" not in repr(collector.spans)
