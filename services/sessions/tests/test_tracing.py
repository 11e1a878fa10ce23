import asyncio
from collections.abc import Iterator

import pytest

from services.sessions.tests.replica import Replica
from shared import tracing
from shared.errors import Unavailable
from shared.events import StateChanged, TicketOpened
from shared.identifiers import UserId
from shared.testing import eventually
from shared.tests.collector import Collector, traced

AGE = "UPDATE outbox SET created_at = created_at - interval '1 min'"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with traced("sessions", monkeypatch) as collector:
        yield collector


def traces_of(replica: Replica, kind: type) -> list[str]:
    """The trace ids of the published events of one type."""
    told = zip(replica.publisher.published, replica.publisher.traces, strict=True)
    return [trace.split("-")[1] for event, trace in told if trace and isinstance(event, kind)]


async def traced_open(replica: Replica, user_id: UserId) -> str:
    """Opens a request; the id of the trace in which it was asked for."""
    with tracing.began("POST"):
        await replica.open(user_id)
        return tracing.trace_id()


async def test_each_of_those_opened_together_keeps_its_trace(
    sessions: Replica, collector: Collector
) -> None:
    users = [await sessions.register(str(number)) for number in range(5)]
    asked = await asyncio.gather(*(traced_open(sessions, user_id) for user_id in users))

    def all_told() -> None:
        assert sorted(traces_of(sessions, TicketOpened)) == sorted(asked)

    await eventually(all_told)
    tracing.stop()
    batches = collector.named("open requests")
    met = [
        trace for span in batches for trace in (span.trace_id, *(link[0] for link in span.links))
    ]
    assert sorted(met) == sorted(asked)
    transactions = collector.named("postgres transaction")
    assert {span.parent_id for span in transactions} == {span.span_id for span in batches}


async def test_a_trace_survives_in_the_outbox_whoever_publishes(
    replicas: tuple[Replica, Replica], collector: Collector
) -> None:
    one, other = replicas
    ana = await one.register()
    one.publisher.failing = Unavailable("rabbitmq")
    asked = await traced_open(one, ana)
    await one.parts.outbox.finish()
    await one.rows(AGE)
    await other.parts.outbox.relay()
    assert traces_of(other, TicketOpened) == [asked]


async def test_what_a_match_causes_belongs_to_the_trace_it_was_found_in(
    sessions: Replica, collector: Collector
) -> None:
    _, _, match = await sessions.waiting_pair()
    with tracing.began("handle match.found"):
        await sessions.hear(match)
        found = tracing.trace_id()
    assert traces_of(sessions, StateChanged) == [found]


async def test_what_goes_by_the_clock_has_no_trace(sessions: Replica, collector: Collector) -> None:
    await sessions.open(await sessions.register())
    await sessions.beat()
    await sessions.parts.sweep.expire()
    tracing.stop()
    assert collector.spans == []
    assert set(sessions.publisher.traces) <= {""}
