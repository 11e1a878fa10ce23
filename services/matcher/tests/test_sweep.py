"""The sweep: pairing by patience, republishing, expiring, measuring, noticing a lost Redis."""

from datetime import datetime

import pytest
from msgspec import structs

from services.matcher.config import Settings
from services.matcher.matching import weigh
from services.matcher.pairing import Matchmaker, found
from services.matcher.pool import keys
from services.matcher.pool.tickets import Claim, Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.sweep import Sweep
from services.matcher.tests.people import requests_of, ticket
from shared.domain import Ticket
from shared.errors import Unavailable
from shared.events import MatchFound, PairMeasured, PoolLost, PoolMeasured
from shared.memory import Memory, command
from shared.testing import RecordingPublisher, eventually


async def put_in(pool: Pool, *tickets: Ticket) -> None:
    for each in tickets:
        await pool.open(each)


async def claim(pool: Pool, a: Ticket, b: Ticket) -> MatchFound:
    pairing = weigh(a, b, max(a.since, b.since), met_lately=False)
    assert pairing is not None
    match = found(pairing)
    assert await pool.claim(pairing, match) is Claim.CLAIMED
    return match


async def test_a_poor_fit_is_paired_once_its_patience_is_over(
    pool: Pool, sweep: Sweep, publisher: RecordingPublisher
) -> None:
    master = ticket("en", "es:C2")
    await put_in(pool, ticket("es", "en:A1", waited_s=1), master)
    await sweep.pair_waiting()
    assert publisher.of(MatchFound) == []
    await put_in(pool, ticket("es", "en:A1", waited_s=4))
    await sweep.pair_waiting()
    assert len(publisher.of(MatchFound)) == 1


async def test_the_longest_waiting_are_paired_first(
    pool: Pool, sweep: Sweep, publisher: RecordingPublisher
) -> None:
    """More seek than can be served: whoever waited longest goes, however poor the fit."""
    seeking = [ticket("es", "en:A1", waited_s=300 + wait) for wait in range(9)]
    serving = [ticket("en", "es:C1", waited_s=10) for _ in range(4)]
    await put_in(pool, *seeking, *serving)
    await sweep.pair_waiting()
    served = set().union(*map(requests_of, publisher.of(MatchFound)))
    assert {each.request_id for each in (*seeking[5:], *serving)} == served


async def test_a_sweep_pairs_everybody_it_can_page_after_page(
    pool: Pool, sweep: Sweep, publisher: RecordingPublisher, upkeep: Upkeep
) -> None:
    alone = [ticket("fr", "it", waited_s=99) for _ in range(7)]
    pairs = [
        ticket(*sides, waited_s=9) for _ in range(11) for sides in (("es", "en"), ("en", "es"))
    ]
    await put_in(pool, *alone, *pairs)
    await sweep.pair_waiting()
    assert len(publisher.of(MatchFound)) == 11
    assert len(await upkeep.waiting(0, 100)) == 7


async def test_what_stands_unpublished_is_published_once(
    pool: Pool, sweep: Sweep, publisher: RecordingPublisher, upkeep: Upkeep
) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    await put_in(pool, a, b)
    match = await claim(pool, a, b)
    assert await upkeep.unpublished(older_than_s=5, count=10) == []
    await sweep.publish_unpublished()
    await sweep.publish_unpublished()
    assert publisher.of(MatchFound) == [match]


async def test_an_unpublished_match_waits_for_the_broker(
    pool: Pool, sweep: Sweep, publisher: RecordingPublisher, upkeep: Upkeep
) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    await put_in(pool, a, b)
    await claim(pool, a, b)
    publisher.failing = Unavailable("rabbitmq")
    with pytest.raises(Unavailable):
        await sweep.publish_unpublished()
    assert len(await upkeep.unpublished(0, 10)) == 1


async def test_tickets_past_their_time_are_taken_out(
    pool: Pool, sweep: Sweep, memory: Memory
) -> None:
    await put_in(pool, *(ticket("en", "es fr", lasts_s=0.02) for _ in range(9)))

    async def all_gone() -> None:
        await sweep.drop_expired()
        await sweep.publish_figures()
        assert await memory.run([command("KEYS", "*")]) == [[]]

    await eventually(all_gone)


async def test_a_strange_redis_is_told_as_lost_until_the_telling_is_confirmed(
    sweep: Sweep, publisher: RecordingPublisher, upkeep: Upkeep
) -> None:
    publisher.failing = Unavailable("rabbitmq")
    with pytest.raises(Unavailable):
        await sweep.check_epoch()
    publisher.failing = None
    await sweep.check_epoch()
    await sweep.check_epoch()
    assert len(publisher.of(PoolLost)) == 1
    written, run_id = await upkeep.epoch()
    assert written == run_id == publisher.of(PoolLost)[0].epoch


async def test_an_emptied_or_restarted_redis_is_told(
    sweep: Sweep, publisher: RecordingPublisher, memory: Memory
) -> None:
    await sweep.check_epoch()
    await memory.run([command("FLUSHDB")])
    await sweep.check_epoch()
    await memory.run([command("SET", keys.EPOCH, "the run_id before the restart")])
    await sweep.check_epoch()
    assert len(publisher.of(PoolLost)) == 3


async def test_a_loss_during_the_telling_of_a_loss_is_told_too(
    pool: Pool, upkeep: Upkeep, settings: Settings, memory: Memory
) -> None:
    class Flushing(RecordingPublisher):
        async def publish(self, *published: object) -> None:
            await super().publish(*published)  # type: ignore[arg-type]
            if len(self.published) == 1:
                await memory.run([command("FLUSHDB")])

    publisher = Flushing()
    matchmaker = Matchmaker(pool, publisher, settings)
    sweep = Sweep(pool, upkeep, matchmaker, publisher, settings, "matcher-test")
    await sweep.check_epoch()
    await sweep.check_epoch()
    await sweep.check_epoch()
    assert len(publisher.of(PoolLost)) == 2


async def test_the_figures_say_who_waits_and_who_has_waited(
    pool: Pool, sweep: Sweep, publisher: RecordingPublisher
) -> None:
    a, b = ticket("en", "es", waited_s=2), ticket("es", "en", waited_s=7)
    await put_in(pool, a, b, ticket("es", "en de"), ticket("es", "de"))
    await claim(pool, a, b)
    await sweep.publish_figures()
    [figures] = publisher.of(PoolMeasured)
    by_pair = {(pair.native, pair.practice): pair for pair in figures.pairs}
    waiting = {pair: measured.waiting for pair, measured in by_pair.items()}
    assert waiting == {("es", "de"): 2, ("es", "en"): 1, ("en", "es"): 0}
    assert by_pair["en", "es"].recent_waits_s == pytest.approx((2.0,), abs=0.5)
    assert by_pair["es", "en"].recent_waits_s == pytest.approx((7.0,), abs=0.5)
    assert by_pair["es", "de"].recent_waits_s == ()


async def test_a_sweep_measures_the_pool_once_when_it_has_paired(
    pool: Pool, memory: Memory, publisher: RecordingPublisher, settings: Settings
) -> None:
    """To measure reads the waits of every language pair; to pair takes the sizes of a few."""

    class Counting(Upkeep):
        count = 0

        async def measure(self) -> tuple[datetime, list[PairMeasured]]:
            self.count += 1
            return await super().measure()

    upkeep, matchmaker = Counting(memory), Matchmaker(pool, publisher, settings)
    await put_in(pool, ticket("es", "en", waited_s=9), ticket("en", "es", waited_s=9))
    await Sweep(pool, upkeep, matchmaker, publisher, settings, "matcher-test").step()
    assert upkeep.count == 1
    [figures] = publisher.of(PoolMeasured)
    assert [pair.waiting for pair in figures.pairs] == [0, 0]


async def test_the_sizes_of_some_language_pairs(pool: Pool, upkeep: Upkeep) -> None:
    await put_in(pool, ticket("es", "en de"), ticket("es", "de"))
    pairs = [("es", "de"), ("de", "es"), ("es", "en")]
    assert await upkeep.sizes(pairs) == {("es", "de"): 2, ("de", "es"): 0, ("es", "en"): 1}
    assert await upkeep.sizes([]) == {}


async def test_the_figures_name_the_fullest_pairs_when_there_are_too_many(
    pool: Pool, upkeep: Upkeep, publisher: RecordingPublisher, settings: Settings
) -> None:
    await put_in(pool, ticket("es", "en"), ticket("es", "de"), ticket("es", "de"))
    few = structs.replace(settings, measured_pairs_max=1)
    matchmaker = Matchmaker(pool, publisher, few)
    await Sweep(pool, upkeep, matchmaker, publisher, few, "matcher-test").publish_figures()
    [figures] = publisher.of(PoolMeasured)
    assert figures.pairs == (PairMeasured(native="es", practice="de", waiting=2),)


async def test_one_process_sweeps_at_a_time(
    pool: Pool, upkeep: Upkeep, publisher: RecordingPublisher, settings: Settings
) -> None:
    matchmaker = Matchmaker(pool, publisher, settings)
    for instance in ("matcher-1", "matcher-2", "matcher-1"):
        await Sweep(pool, upkeep, matchmaker, publisher, settings, instance).step()
    assert len(publisher.of(PoolMeasured)) == 1
    assert len(publisher.of(PoolLost)) == 1
