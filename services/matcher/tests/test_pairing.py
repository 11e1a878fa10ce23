"""Pairing on arrival: what the handlers put in, claim and tell."""

import asyncio

import pytest
from msgspec import structs

from services.matcher import handlers
from services.matcher.config import Settings
from services.matcher.pairing import Matchmaker
from services.matcher.pool.tickets import Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.tests.people import requests_of, ticket
from shared.domain import Ticket
from shared.errors import Unavailable
from shared.events import MatchFound, TicketClosed, TicketOpened
from shared.testing import RecordingPublisher


class Arrivals:
    """Hands tickets to the handlers, as the bus would."""

    def __init__(self, pool: Pool, publisher: RecordingPublisher, settings: Settings) -> None:
        self._pool = pool
        self._publisher = publisher
        self._matchmaker = Matchmaker(pool, publisher, settings)

    async def open(self, *tickets: Ticket) -> None:
        for each in tickets:
            event = TicketOpened(correlation_id=each.request_id, ticket=each)
            await handlers.open_ticket(self._matchmaker, event)

    async def close(self, closed: Ticket) -> None:
        event = TicketClosed(
            correlation_id="c", request_id=closed.request_id, expires_at=closed.expires_at
        )
        await handlers.close_ticket(self._pool, event)

    @property
    def matches(self) -> list[MatchFound]:
        return self._publisher.of(MatchFound)

    @property
    def told(self) -> list[set[str]]:
        return [requests_of(match) for match in self.matches]


@pytest.fixture
def arrivals(pool: Pool, publisher: RecordingPublisher, settings: Settings) -> Arrivals:
    return Arrivals(pool, publisher, settings)


def ids(*tickets: Ticket) -> set[str]:
    return {each.request_id for each in tickets}


async def test_two_who_practise_each_others_language_are_paired_on_arrival(
    arrivals: Arrivals, upkeep: Upkeep
) -> None:
    ana, ben = ticket("es", "en", waited_s=1), ticket("en", "es")
    await arrivals.open(ana, ben)
    [match] = arrivals.matches
    first, second = match.sides
    assert match.correlation_id == first.request_id == ana.request_id
    assert (first.user_id, first.attempt, first.practises) == (ana.user_id, 1, "en")
    assert (second.user_id, second.attempt, second.practises) == (ben.user_id, 1, "es")
    assert await upkeep.unpublished(0, 10) == []


async def test_variants_of_a_language_are_paired_and_practised_as_asked(arrivals: Arrivals) -> None:
    await arrivals.open(ticket("pt-BR", "en", waited_s=1), ticket("en", "pt"))
    [match] = arrivals.matches
    assert [side.practises for side in match.sides] == ["en", "pt"]


async def test_two_of_the_same_side_wait(arrivals: Arrivals) -> None:
    await arrivals.open(ticket("es", "en", waited_s=60), ticket("es", "en", waited_s=60))
    assert arrivals.matches == []


async def test_the_better_level_is_taken_before_the_equal_wait(arrivals: Arrivals) -> None:
    far, near = ticket("en", "es:C2", waited_s=2.3), ticket("en", "es:B1", waited_s=2)
    asking = ticket("es", "en:B1")
    await arrivals.open(far, near, asking)
    assert arrivals.told == [ids(asking, near)]


async def test_of_equals_the_longer_waiting_is_taken(arrivals: Arrivals) -> None:
    waits = (2.1, 2.3, 2.2)
    others = [ticket("en", "es", waited_s=waited) for waited in waits]
    asking = ticket("es", "en")
    await arrivals.open(*others, asking)
    assert arrivals.told == [ids(asking, others[1])]


async def test_the_next_best_is_taken_if_the_best_is_gone(
    arrivals: Arrivals, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, next_best = ticket("en", "es", waited_s=5), ticket("en", "es", waited_s=2)
    asking = ticket("es", "en")
    await arrivals.open(best, next_best)
    opened = await pool.open(asking)
    await arrivals.close(best)
    monkeypatch.setattr(pool, "open", lambda _: asyncio.sleep(0, opened))
    await arrivals.open(asking)
    assert arrivals.told == [ids(asking, next_best)]


async def test_candidates_are_read_again_when_all_of_a_page_are_gone(
    arrivals: Arrivals, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = [ticket("en", "es", waited_s=5) for _ in range(3)]
    behind, asking = ticket("en", "es", waited_s=2), ticket("es", "en")
    await arrivals.open(*page, behind)
    opened = await pool.open(asking)
    for each in page:
        await arrivals.close(each)
    monkeypatch.setattr(pool, "open", lambda _: asyncio.sleep(0, opened))
    await arrivals.open(asking)
    assert arrivals.told == [ids(asking, behind)]


async def test_whoever_is_claimed_meanwhile_is_not_paired_again(
    arrivals: Arrivals, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [ticket("en", "es", waited_s=5) for _ in range(2)]
    asking = ticket("es", "en")
    await arrivals.open(*others)
    stale = await pool.open(asking)
    await arrivals.open(asking)
    monkeypatch.setattr(pool, "open", lambda _: asyncio.sleep(0, stale))
    await arrivals.open(asking)
    assert len(arrivals.matches) == 1


async def test_pages_are_turned_past_any_number_who_avoid_one(arrivals: Arrivals) -> None:
    blocked = [ticket("en", "es", waited_s=50, avoid=("ana",)) for _ in range(20)]
    willing, ana = ticket("en", "es", waited_s=1), ticket("es", "en", user="ana")
    await arrivals.open(*blocked, willing, ana)
    assert arrivals.told == [ids(ana, willing)]


async def test_nobody_meets_themselves_in_an_older_request(arrivals: Arrivals) -> None:
    """Both requests of one user are in the pool when the older one's closing comes late."""
    older = ticket("es en", "de", user="ana", waited_s=60)
    newer = ticket("de", "es en", user="ana")
    await arrivals.open(older, newer)
    assert arrivals.matches == []


async def test_closing_that_overtakes_opening_leaves_nobody_waiting(
    arrivals: Arrivals, upkeep: Upkeep
) -> None:
    gone = ticket("es", "en")
    await arrivals.close(gone)
    await arrivals.open(gone, ticket("en", "es", waited_s=60))
    assert arrivals.matches == []
    assert len(await upkeep.waiting(0, 10)) == 1


async def test_an_event_redelivered_tells_the_same_match_again(arrivals: Arrivals) -> None:
    ana, ben = ticket("es", "en", waited_s=1), ticket("en", "es")
    await arrivals.open(ana, ben)
    await arrivals.open(ben, ana)
    assert len(arrivals.matches) == 3
    assert len({match.match_id for match in arrivals.matches}) == 1


async def test_a_match_that_could_not_be_published_is_told_when_the_event_is_retried(
    arrivals: Arrivals, publisher: RecordingPublisher, upkeep: Upkeep
) -> None:
    ana, ben = ticket("es", "en", waited_s=1), ticket("en", "es")
    await arrivals.open(ana)
    publisher.failing = Unavailable("rabbitmq")
    with pytest.raises(Unavailable):
        await arrivals.open(ben)
    [kept] = await upkeep.unpublished(0, 10)
    publisher.failing = None
    await arrivals.open(ben)
    assert arrivals.matches == [kept]
    assert await upkeep.unpublished(0, 10) == []


async def test_a_poor_fit_waits_and_ordinary_ones_do_not(arrivals: Arrivals) -> None:
    beginner, master = ticket("es", "en:A1"), ticket("en", "es:C2")
    await arrivals.open(beginner, master)
    assert arrivals.matches == []
    ordinary = ticket("en", "es:B1", waited_s=1)
    await arrivals.open(ordinary)
    assert arrivals.told == [ids(beginner, ordinary)]


async def test_who_has_little_time_left_takes_a_poor_fit_at_once(arrivals: Arrivals) -> None:
    hurried, master = ticket("es", "en:A1", lasts_s=3), ticket("en", "es:C2")
    await arrivals.open(hurried, master)
    assert arrivals.told == [ids(hurried, master)]


async def test_many_arriving_at_several_matchers_at_once_are_each_paired_once(
    pools: list[Pool], settings: Settings, publisher: RecordingPublisher, upkeep: Upkeep
) -> None:
    crowd = [
        ticket(*sides, waited_s=2) for _ in range(60) for sides in (("es", "en"), ("en", "es"))
    ]
    matchers = [Arrivals(pool, publisher, settings) for pool in pools]
    await asyncio.gather(
        *(matchers[number % 4].open(each) for number, each in enumerate(crowd)),
        *(matchers[number % 3].open(each) for number, each in enumerate(crowd)),
    )
    by_id = {match.match_id: match for match in publisher.of(MatchFound)}
    paired = [side.request_id for match in by_id.values() for side in match.sides]
    left = [each.request_id for each in await upkeep.waiting(0, 200)]
    assert len(paired) == len(set(paired))
    assert sorted(paired + left) == sorted(each.request_id for each in crowd)
    assert len(left) <= 12


async def test_a_next_attempt_with_a_longer_avoid_list_is_obeyed(arrivals: Arrivals) -> None:
    ana = ticket("es", "en", user="ana", waited_s=9)
    wary = structs.replace(ana, attempt=2, avoid=("ben",))
    await arrivals.open(ana, wary, ana)
    await arrivals.open(ticket("en", "es", user="ben"))
    assert arrivals.matches == []
