from collections.abc import Iterator
from typing import Any

import pytest

from shared import tracing
from shared.errors import Unavailable
from shared.requests import OpenRequest
from shared.tests.collector import Collector, traced
from shared.tests.lines import lines_written

THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with traced("gateway", monkeypatch) as collector:
        yield collector


async def test_a_call_begins_a_trace_named_by_its_route(api: Any, collector: Collector) -> None:
    answer = await api.call("GET", "/match/request/nonsense")
    tracing.stop()
    call = collector.one("GET /api/v1/match/request/{request_id}")
    assert (call.kind, call.parent_id) == ("SERVER", "")
    assert call.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/v1/match/request/{request_id}",
        "http.response.status_code": answer.status_code,
        "parley.correlation_id": answer.headers["x-correlation-id"],
    }
    assert "nonsense" not in repr(collector.spans)


async def test_what_the_call_does_and_what_it_leaves_behind_are_of_its_trace(
    api: Any, collector: Collector
) -> None:
    await api.call("POST", "/match/request")
    tracing.stop()
    call = collector.one("POST /api/v1/match/request")
    assert {span.trace_id for span in collector.spans} == {call.trace_id}
    assert collector.one("redis admit").parent_id == call.span_id


async def test_a_callers_own_trace_is_linked_and_not_continued(
    api: Any, collector: Collector
) -> None:
    await api.call("POST", "/match/request", headers={"traceparent": THEIRS})
    tracing.stop()
    call = collector.one("POST /api/v1/match/request")
    assert call.trace_id != THEIRS.split("-")[1]
    assert call.links == (tuple(THEIRS.split("-")[1:3]),)


async def test_a_call_that_could_not_be_answered_shows(api: Any, collector: Collector) -> None:
    api.asker.script[OpenRequest] = Unavailable("sessions")
    await api.call("POST", "/match/request")
    tracing.stop()
    call = collector.one("POST /api/v1/match/request")
    assert call.failed
    assert call.attributes["http.response.status_code"] == 503


async def test_probes_and_the_web_client_begin_no_traces(api: Any, collector: Collector) -> None:
    for path in ("/healthz", "/readyz", "/", "/nowhere"):
        await api.client.get(path)
    tracing.stop()
    assert collector.spans == []


async def test_the_lines_of_a_call_have_its_correlation_id_and_name_its_caller(api: Any) -> None:
    api.cards.failing = Unavailable("redis")
    with lines_written() as lines:
        answer = await api.call("POST", "/match/request")
    assert {"call.answered", "call.aside_failed"} <= {line["event"] for line in lines}
    assert {line["correlation_id"] for line in lines} == {answer.headers["x-correlation-id"]}
    assert {line["user_id"] for line in lines} == {api.user_id}
