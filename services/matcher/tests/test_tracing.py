from collections.abc import Iterator

import pytest

from services.matcher.handlers import open_ticket
from services.matcher.pairing import Matchmaker
from services.matcher.pool.tickets import Pool
from services.matcher.sweep import Sweep
from services.matcher.tests.people import ticket
from shared import tracing
from shared.domain import Ticket
from shared.errors import Unavailable
from shared.events import MatchFound, TicketOpened
from shared.testing import RecordingPublisher
from shared.tests.collector import Collector, traced


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with traced("matcher", monkeypatch) as collector:
        yield collector


async def arrive(matchmaker: Matchmaker, arriving: Ticket, call: str) -> str:
    """The id of the trace in which the ticket was opened."""
    with tracing.began(call):
        event = TicketOpened(correlation_id=arriving.request_id, ticket=arriving)
        await open_ticket(matchmaker, event)
        return tracing.trace_id()


def of_the_match(publisher: RecordingPublisher) -> str:
    """The id of the trace in which the only match was published."""
    [match] = publisher.of(MatchFound)
    assert type(match) is MatchFound
    return publisher.traces[publisher.published.index(match)].split("-")[1]


async def test_a_match_on_arrival_goes_on_the_trace_of_who_arrives_and_is_linked_to_the_other(
    matchmaker: Matchmaker, publisher: RecordingPublisher, collector: Collector
) -> None:
    """Also when who arrives has waited longer: a requeue."""
    first = await arrive(matchmaker, ticket("en", "es", waited_s=1), "first")
    second = await arrive(matchmaker, ticket("es", "en", waited_s=9), "second")
    tracing.stop()
    pair = collector.one("pair")
    assert pair.trace_id == of_the_match(publisher) == second
    assert [trace_id for trace_id, _ in pair.links] == [first]
    assert pair.attributes["parley.claim"] == "claimed"
    assert collector.one("redis claim").parent_id == pair.span_id


@pytest.mark.parametrize("longer", ["first", "second"])
async def test_a_match_by_the_sweep_goes_on_the_trace_of_who_waited_less(
    pool: Pool, sweep: Sweep, publisher: RecordingPublisher, collector: Collector, longer: str
) -> None:
    traces = {}
    for name, languages in (("first", ("en", "es")), ("second", ("es", "en"))):
        with tracing.began(name):
            await pool.open(ticket(*languages, waited_s=90 if longer == name else 60))
            traces[name] = tracing.trace_id()
    await sweep.pair_waiting()
    tracing.stop()
    pair = collector.one("pair")
    assert pair.trace_id == of_the_match(publisher) != traces[longer]
    assert [trace_id for trace_id, _ in pair.links] == [traces[longer]]


async def test_what_its_finder_could_not_publish_another_tells_in_the_same_trace(
    matchmaker: Matchmaker, publisher: RecordingPublisher, sweep: Sweep, collector: Collector
) -> None:
    await arrive(matchmaker, ticket("en", "es"), "first")
    publisher.failing = Unavailable("rabbitmq")
    event = TicketOpened(correlation_id="c", ticket=ticket("es", "en"))
    with tracing.began("second"):
        found = tracing.trace_id()
        with pytest.raises(Unavailable):
            await open_ticket(matchmaker, event)
    publisher.failing = None
    await sweep.publish_unpublished()
    assert of_the_match(publisher) == found


async def test_a_ticket_told_again_gives_its_match_in_the_trace_it_was_found_in(
    matchmaker: Matchmaker, publisher: RecordingPublisher, collector: Collector
) -> None:
    await arrive(matchmaker, ticket("en", "es"), "first")
    later = ticket("es", "en")
    found = await arrive(matchmaker, later, "second")
    await open_ticket(matchmaker, TicketOpened(correlation_id="c", ticket=later))
    assert [trace.split("-")[1] for trace in publisher.traces] == [found, found]


async def test_without_traces_the_pool_holds_what_it_always_held(
    matchmaker: Matchmaker, pool: Pool, publisher: RecordingPublisher
) -> None:
    waiting = ticket("en", "es")
    await pool.open(waiting)
    page = await pool.candidates(ticket("es", "en"))
    assert page.candidates == [waiting]
    await arrive(matchmaker, ticket("es", "en"), "second")
    assert publisher.traces == [""]
