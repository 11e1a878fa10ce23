"""Entering, being claimed and leaving, through the real scripts."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from services.matcher.matching import Pairing, weigh
from services.matcher.pairing import found
from services.matcher.pool import keys
from services.matcher.pool.tickets import Claim, Outcome, Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.tests.people import ticket
from shared.domain import Ticket
from shared.memory import Memory, command
from shared.testing import eventually


async def candidates_at_opening(pool: Pool, opened: Ticket) -> list[str]:
    result = await pool.open(opened)
    assert result.page is not None, result
    return [each.request_id for each in result.page.candidates]


async def waiting_ids(upkeep: Upkeep) -> list[str]:
    return [each.request_id for each in await upkeep.waiting(0, 100)]


def paired(a: Ticket, b: Ticket) -> Pairing:
    pairing = weigh(a, b, datetime.now(UTC), met_lately=False)
    assert pairing is not None
    return pairing


async def put_in(pool: Pool, *tickets: Ticket) -> None:
    for each in tickets:
        assert (await pool.open(each)).outcome is Outcome.WAITING


async def test_opening_reads_the_longest_waiting_of_each_complementary_bucket(pool: Pool) -> None:
    spanish = [ticket("es", "en", waited_s=wait) for wait in (1, 4, 2, 3)]
    german, italian = ticket("de", "en", waited_s=9), ticket("it", "en", waited_s=99)
    await put_in(pool, *spanish, german, italian)
    ids = await candidates_at_opening(pool, ticket("en", "es de"))
    longest = [spanish[1], spanish[3], spanish[2]]
    assert ids == [each.request_id for each in (*longest, german)]


async def test_a_ticket_in_several_buckets_is_read_once(pool: Pool) -> None:
    catalan = ticket("es ca", "en de")
    await put_in(pool, catalan)
    ids = await candidates_at_opening(pool, ticket("en de", "es ca"))
    assert ids == [catalan.request_id]


async def test_variants_share_a_bucket(pool: Pool) -> None:
    brazilian = ticket("pt-BR", "en-GB")
    await put_in(pool, brazilian)
    assert await candidates_at_opening(pool, ticket("en", "pt")) == [brazilian.request_id]


async def test_opening_again_changes_nothing_and_reads_again(pool: Pool, upkeep: Upkeep) -> None:
    asking, later = ticket("en", "es"), ticket("es", "en")
    await put_in(pool, asking, later)
    assert await candidates_at_opening(pool, asking) == [later.request_id]
    assert sorted(await waiting_ids(upkeep)) == sorted([asking.request_id, later.request_id])


async def test_a_greater_attempt_takes_the_place_of_a_smaller(pool: Pool, upkeep: Upkeep) -> None:
    first = ticket("en", "es")
    second = structs.replace(first, attempt=2, native_languages=("de",))
    await put_in(pool, first, second)
    assert await upkeep.waiting(0, 10) == [second]
    assert (await pool.open(first)).outcome is Outcome.STALE
    assert await candidates_at_opening(pool, ticket("es", "en")) == []
    assert await candidates_at_opening(pool, ticket("es", "de")) == [first.request_id]


async def test_a_claim_takes_both_out_and_keeps_the_match_until_it_is_published(
    pool: Pool, upkeep: Upkeep
) -> None:
    a, b = ticket("en", "es", waited_s=3), ticket("es", "en")
    await put_in(pool, a, b)
    match = found(paired(a, b))
    assert await pool.claim(paired(a, b), match) is Claim.CLAIMED
    assert await waiting_ids(upkeep) == []
    assert await upkeep.unpublished(0, 10) == [match]
    await pool.published(match)
    assert await upkeep.unpublished(0, 10) == []


async def test_a_claim_repeated_after_a_lost_reply_is_claimed_still(pool: Pool) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    await put_in(pool, a, b)
    match = found(paired(a, b))
    assert await pool.claim(paired(a, b), match) is Claim.CLAIMED
    assert await pool.claim(paired(a, b), match) is Claim.CLAIMED
    assert await pool.claim(paired(a, b), found(paired(a, b))) is Claim.FIRST_GONE


async def test_a_claim_at_another_attempt_changes_nothing(pool: Pool, upkeep: Upkeep) -> None:
    a, b = ticket("en", "es", waited_s=1), ticket("es", "en")
    await put_in(pool, a, b)
    newer = structs.replace(b, attempt=2)
    assert await pool.claim(paired(a, newer), found(paired(a, newer))) is Claim.SECOND_GONE
    assert sorted(await waiting_ids(upkeep)) == sorted([a.request_id, b.request_id])


async def test_a_claim_of_somebody_with_themselves_is_a_bug(pool: Pool) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    twin = structs.replace(b, user_id=a.user_id)
    await put_in(pool, a, twin)
    pairing = structs.replace(paired(a, b), second=twin)
    with pytest.raises(Exception, match="paired with themselves"):
        await pool.claim(pairing, found(pairing))


async def test_a_claimed_ticket_repeats_its_match_and_enters_anew_at_the_next_attempt(
    pool: Pool,
) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    a = structs.replace(a, attempt=2)
    await put_in(pool, a, b)
    match = found(paired(a, b))
    await pool.claim(paired(a, b), match)
    again = await pool.open(a)
    assert (again.outcome, again.match) == (Outcome.CLAIMED, match)
    assert (await pool.open(structs.replace(a, attempt=1))).outcome is Outcome.STALE
    await put_in(pool, structs.replace(a, attempt=3))
    assert (await pool.open(a)).outcome is Outcome.STALE


async def test_closing_overtakes_opening(pool: Pool, upkeep: Upkeep) -> None:
    late = ticket("en", "es")
    await pool.close(late.request_id, late.expires_at)
    for attempt in (1, 2, 9):
        opened = await pool.open(structs.replace(late, attempt=attempt))
        assert opened.outcome is Outcome.CLOSED
    assert await waiting_ids(upkeep) == []


async def test_closing_what_was_claimed_stops_its_next_attempts(pool: Pool) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    await put_in(pool, a, b)
    await pool.claim(paired(a, b), found(paired(a, b)))
    await pool.close(a.request_id, a.expires_at)
    assert (await pool.open(a)).outcome is Outcome.CLOSED
    assert (await pool.open(structs.replace(a, attempt=2))).outcome is Outcome.CLOSED


async def test_a_ticket_past_its_time_neither_enters_nor_is_claimed(
    pool: Pool, upkeep: Upkeep
) -> None:
    assert (await pool.open(ticket("en", "es", lasts_s=-1))).outcome is Outcome.EXPIRED
    brief, other = ticket("en", "es", waited_s=1, lasts_s=0.03), ticket("es", "en")
    await put_in(pool, brief, other)
    pairing = paired(brief, other)

    async def expired() -> None:
        assert await upkeep.expired(10) == [brief.request_id]

    await eventually(expired)
    assert await pool.claim(pairing, found(pairing)) is Claim.FIRST_GONE
    assert (await pool.open(brief)).outcome is Outcome.EXPIRED


async def test_of_many_concurrent_claimers_each_ticket_goes_to_one(
    pools: list[Pool], upkeep: Upkeep
) -> None:
    """Sixteen claimers in four processes propose every pair at the same time."""
    sides = [[ticket(*pair) for _ in range(8)] for pair in (("en", "es"), ("es", "en"))]
    pairings = [paired(a, b) for a in sides[0] for b in sides[1]]
    await put_in(pools[0], *sides[0], *sides[1])

    async def claim_all(pool: Pool, start: int) -> list[Pairing]:
        order = pairings[start:] + pairings[:start]
        claims = [(each, await pool.claim(each, found(each))) for each in order]
        return [pairing for pairing, claim in claims if claim is Claim.CLAIMED]

    won = await asyncio.gather(*(claim_all(pool, 4 * i) for i, pool in enumerate(pools * 4)))
    claimed = [pairing for each in won for pairing in each]
    ids = [side.request_id for each in claimed for side in (each.first, each.second)]
    assert len(claimed) == 8
    assert len(set(ids)) == 16
    assert len(await upkeep.unpublished(0, 100)) == 8


async def test_whom_one_was_matched_with_is_remembered(pool: Pool) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    await put_in(pool, a, b)
    await pool.claim(paired(a, b), found(paired(a, b)))
    again = await pool.open(ticket("en", "es", user=a.user_id))
    assert again.page is not None
    assert again.page.met == {b.user_id}


async def test_whom_one_met_long_ago_is_forgotten_though_one_goes_on_meeting(
    pool: Pool, memory: Memory
) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    await memory.run([command("ZADD", keys.met(a.user_id), 0, "met in 1970")])
    await put_in(pool, a, b)
    await pool.claim(paired(a, b), found(paired(a, b)))
    again = await pool.open(ticket("en", "es", user=a.user_id))
    assert again.page is not None
    assert again.page.met == {b.user_id}


async def test_everything_stands_under_the_hash_tag(pool: Pool, memory: Memory) -> None:
    a, b = ticket("en", "es"), ticket("es", "en")
    await put_in(pool, a, b, ticket("en", "fr"))
    await pool.claim(paired(a, b), found(paired(a, b)))
    await pool.close(ticket("en", "es").request_id, datetime.now(UTC) + timedelta(seconds=9))
    [found_names] = await memory.run([command("KEYS", "*")])
    names = [name.decode() for name in found_names]
    assert names
    assert all(name.startswith("{pool}:") for name in names)
    assert keys.tombstone(a.request_id) in names
