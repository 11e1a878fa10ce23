import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import tracing
from shared.errors import Refused, Unavailable
from shared.tests.collector import Collector, traced

ROOT = Path(__file__).parents[2]
THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SAMPLED = 0b1
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
EVERYTHING_IMPORTED = """
import sys
from shared import tracing
import services.gateway.app, services.matcher.app, services.sessions.app
with tracing.began("POST"), tracing.span("redis", tracing.CLIENT), tracing.continued("00-1"):
    assert not tracing.in_hand()
    assert tracing.carried() == tracing.trace_id() == ""
# redis-py imports the figures of what is installed, and makes none.
ours = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf")
assert not [name for name in sys.modules if name.startswith(ours)]
"""

STOPPED_WITHOUT_A_COLLECTOR = """
import time
from shared import tracing
tracing.start("gateway", "gateway-1")
with tracing.began("POST"):
    pass
began = time.monotonic()
tracing.stop()
assert time.monotonic() - began < tracing.FLUSH_TIMEOUT_S + 1
"""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with traced("gateway", monkeypatch) as collector:
        yield collector


def test_off_it_imports_nothing_makes_nothing_and_carries_nothing() -> None:
    command = [sys.executable, "-c", EVERYTHING_IMPORTED]
    subprocess.run(command, check=True, cwd=ROOT, timeout=30)


def test_spans_are_told_with_their_service_and_in_one_tree(collector: Collector) -> None:
    with tracing.began("POST"):
        tracing.name("POST /users", http__route="/users")
        with tracing.span("ask", tracing.CLIENT, messaging__system="rabbitmq"):
            tracing.note(http__response__status_code=201)
    tracing.stop()
    [root], [ask] = collector.named("POST /users"), collector.named("ask")
    assert (root.service, root.instance, root.kind) == ("gateway", "gateway-1", "SERVER")
    assert root.attributes == {"http.route": "/users"}
    assert (root.parent_id, ask.parent_id) == ("", root.span_id)
    assert ask.trace_id == root.trace_id
    assert ask.attributes == {"messaging.system": "rabbitmq", "http.response.status_code": 201}
    assert root.began_ns <= ask.began_ns <= ask.ended_ns <= root.ended_ns


def test_what_was_carried_is_continued_elsewhere(collector: Collector) -> None:
    with tracing.began("POST"):
        carried = tracing.carried()
    assert tracing.carried() == ""
    with tracing.span("handle", tracing.CONSUMER, trace=carried):
        assert tracing.trace_id() == carried.split("-")[1]
    with tracing.continued(carried), tracing.span("publish", tracing.PRODUCER):
        pass
    tracing.stop()
    [root], [handled], [published] = map(collector.named, ("POST", "handle", "publish"))
    assert {root.trace_id} == {handled.trace_id, published.trace_id}
    assert handled.parent_id == published.parent_id == root.span_id


def test_no_span_is_made_where_no_trace_was_begun(collector: Collector) -> None:
    with tracing.span("sweep", tracing.INTERNAL), tracing.continued(""):
        assert not tracing.in_hand()
    tracing.stop()
    assert collector.spans == []


def test_a_client_does_not_decide_what_is_traced_it_is_only_linked(collector: Collector) -> None:
    with tracing.began("POST", caused_by=THEIRS):
        pass
    with tracing.began("GET", caused_by="nonsense"):
        pass
    tracing.stop()
    [ours], [other] = collector.named("POST"), collector.named("GET")
    assert ours.trace_id != THEIRS.split("-")[1]
    assert ours.links == ((THEIRS.split("-")[1], THEIRS.split("-")[2]),)
    assert other.links == ()


def test_two_traces_that_meet_are_linked(collector: Collector) -> None:
    with tracing.began("POST"):
        mine = tracing.carried()
    with tracing.span("pair", tracing.INTERNAL, trace=mine, links=(THEIRS, "")):
        pass
    tracing.stop()
    [pair] = collector.named("pair")
    assert pair.trace_id == mine.split("-")[1]
    assert [trace_id for trace_id, _ in pair.links] == [THEIRS.split("-")[1]]


def test_a_fault_marks_its_span_without_quoting_anybody_and_a_refusal_is_an_answer(
    collector: Collector,
) -> None:
    for error in (Unavailable("redis"), Refused("no", "Ana's words"), KeyError("Ana's words")):
        with pytest.raises(type(error)), tracing.began(type(error).__name__):
            raise error
    tracing.stop()
    told = {span.name: span for span in collector.spans}
    assert {name: span.failed for name, span in told.items()} == {
        "Unavailable": True,
        "Refused": False,
        "KeyError": True,
    }
    assert all(span.attributes == {"error.type": name} for name, span in told.items())
    assert "Ana" not in repr(collector.spans)


def test_what_whoever_began_it_did_not_sample_is_carried_on_and_not_told(
    collector: Collector,
) -> None:
    with tracing.span("handle", tracing.CONSUMER, trace=UNSAMPLED):
        assert tracing.carried().endswith("-00")
    tracing.stop()
    assert collector.spans == []


def test_the_standard_sampler_decides(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing.stop()
    tracing.start("gateway", "gateway-1")
    with tracing.began("POST"):
        assert not int(tracing.carried()[-2:], 16) & SAMPLED
    tracing.stop()
    assert collector.spans == []


async def test_tasks_carry_on_the_trace_they_were_begun_in(collector: Collector) -> None:
    async def work(name: str) -> None:
        with tracing.span(name, tracing.INTERNAL):
            await asyncio.sleep(0)

    for call in ("POST", "GET"):
        with tracing.began(call):
            await asyncio.gather(*(work(f"{call} {part}") for part in range(3)))
    tracing.stop()
    for call in ("POST", "GET"):
        [root] = collector.named(call)
        parts = [span for part in range(3) for span in collector.named(f"{call} {part}")]
        assert {span.parent_id for span in parts} == {root.span_id}


def test_a_collector_that_is_away_holds_up_no_stop() -> None:
    """In a process of its own: the SDK goes on trying in a thread that ends with it."""
    command = [sys.executable, "-c", STOPPED_WITHOUT_A_COLLECTOR]
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    subprocess.run(command, check=True, cwd=ROOT, env=environ, timeout=60)
