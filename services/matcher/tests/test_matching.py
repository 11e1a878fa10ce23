"""Who fits whom, how well, and when it is good enough."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.matcher import matching
from services.matcher.matching import Pairing
from services.matcher.tests.people import may_meet, ticket, tickets
from shared.domain import Level, Ticket
from shared.identifiers import UserId

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URGENT_S = 5.0


def weighed(a: Ticket, b: Ticket, *, met: bool = False) -> Pairing:
    pairing = matching.weigh(a, b, NOW, met)
    assert pairing is not None
    return pairing


def test_spanish_and_english_natives_who_practise_each_other_fit() -> None:
    assert matching.fits(ticket("es", "en", now=NOW), ticket("en", "es", now=NOW), NOW)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (ticket("es", "en", now=NOW), ticket("es", "en", now=NOW)),
        (ticket("es", "en", now=NOW), ticket("en", "fr", now=NOW)),
        (ticket("es", "en", now=NOW), ticket("fr", "es", now=NOW)),
        (ticket("es", "en", user="u", now=NOW), ticket("en", "es", user="u", now=NOW)),
        (ticket("es", "en", user="u", now=NOW), ticket("en", "es", avoid=("u",), now=NOW)),
        (ticket("es", "en", now=NOW), ticket("en", "es", lasts_s=0, now=NOW)),
    ],
    ids=["same side", "one way", "other way", "self", "avoided", "past its time"],
)
def test_outside_the_hard_filter_nobody_fits(a: Ticket, b: Ticket) -> None:
    assert not matching.fits(a, b, NOW)
    assert not matching.fits(b, a, NOW)
    assert matching.weigh(a, b, NOW, met_lately=False) is None


def test_variants_meet_but_the_one_that_is_practised_scores_more() -> None:
    learner = ticket("en", "pt-BR", now=NOW)
    brazilian, unsaid, portuguese = (
        weighed(learner, ticket(tag, "en", now=NOW)).score for tag in ("pt-BR", "pt", "pt-PT")
    )
    assert brazilian > unsaid > portuguese
    anything = ticket("en", "pt", now=NOW)
    assert weighed(anything, ticket("pt-PT", "en", now=NOW)).score == brazilian


def test_the_variant_of_a_script_counts() -> None:
    learner = ticket("en", "zh-Hant", now=NOW)
    traditional = weighed(learner, ticket("zh-Hant-TW", "en", now=NOW))
    simplified = weighed(learner, ticket("zh-Hans", "en", now=NOW))
    assert traditional.score - simplified.score == matching.VARIANT_POINTS


def test_each_step_between_the_levels_costs_the_same() -> None:
    learner = ticket("es", "en:A1", now=NOW)
    scores = [weighed(learner, ticket("en", f"es:{level}", now=NOW)).score for level in Level]
    steps = {better - worse for better, worse in pairwise(scores)}
    assert steps == {matching.LEVEL_STEP_POINTS}


def test_shared_interests_count_whatever_their_case_up_to_a_limit() -> None:
    many = tuple(f"topic {number}" for number in range(20))
    plain = weighed(ticket("es", "en", now=NOW), ticket("en", "es", now=NOW)).score
    film = weighed(
        ticket("es", "en", interests=("Film", "chess"), now=NOW),
        ticket("en", "es", interests=("film", "jazz"), now=NOW),
    ).score
    all_of_them = weighed(
        ticket("es", "en", interests=many, now=NOW), ticket("en", "es", interests=many, now=NOW)
    ).score
    assert film - plain == matching.INTEREST_POINTS
    assert all_of_them - plain == matching.INTEREST_POINTS * matching.INTERESTS_COUNTED_MAX


def test_whom_one_met_lately_scores_less() -> None:
    a, b = ticket("es", "en", now=NOW), ticket("en", "es", now=NOW)
    assert weighed(a, b).score - weighed(a, b, met=True).score == matching.FRESH_POINTS


def test_a_better_level_fit_beats_an_equal_wait() -> None:
    asking = ticket("es", "en:B1", now=NOW)
    far = ticket("en", "es:C1", waited_s=3.4, now=NOW)
    near = ticket("en", "es:B2", waited_s=3.2, now=NOW)
    best, *_ = matching.rank(asking, [far, near], NOW, frozenset())
    assert best.partner_of(asking) is near


def test_of_equals_the_longer_waiting_goes_first_then_the_smaller_id() -> None:
    asking = ticket("es", "en", now=NOW)
    waits = (3.1, 3.3, 3.2, 3.3)
    others = [ticket("en", "es", waited_s=waited, now=NOW) for waited in waits]
    ranked = matching.rank(asking, others, NOW, frozenset())
    order = [others.index(pairing.partner_of(asking)) for pairing in ranked]
    assert order == [1, 3, 2, 0]


def test_a_minute_of_waiting_outweighs_everything_else() -> None:
    interests = tuple("abcde")
    asking = ticket("es", "en-GB:A1", interests=interests, now=NOW)
    perfect = ticket("en-GB", "es:A1", interests=interests, now=NOW)
    starving = ticket("en-US", "es-MX:C2", waited_s=91, now=NOW)
    best, *_ = matching.rank(asking, [perfect, starving], NOW, frozenset({starving.user_id}))
    assert best.partner_of(asking) is starving


def test_of_several_languages_the_best_level_fit_is_practised() -> None:
    a = ticket("es ca", "en:C1 de:A1", now=NOW)
    b = ticket("en de", "es:A1 ca:C2", now=NOW)
    pairing = weighed(a, b)
    practised = {pairing.first.user_id: pairing.first_practises}
    practised[pairing.second.user_id] = pairing.second_practises
    assert practised == {a.user_id: "de", b.user_id: "es"}


def good_at(pairing: Pairing, waited_s: float) -> bool:
    at = pairing.first.since + timedelta(seconds=waited_s)
    again = matching.weigh(pairing.first, pairing.second, at, met_lately=False)
    assert again is not None
    return again.score >= matching.threshold(again, at, URGENT_S)


def test_an_ordinary_fit_is_good_enough_at_once_and_a_poor_one_after_a_while() -> None:
    ordinary = weighed(ticket("es", "en:B1", now=NOW), ticket("en", "es:A2", now=NOW))
    poor = weighed(ticket("es", "en:A1", now=NOW), ticket("en", "es:C2", now=NOW))
    assert good_at(ordinary, 0)
    assert not good_at(poor, 1)
    assert good_at(poor, matching.THRESHOLD_FALLS_S)


def test_who_has_little_time_left_takes_anybody_legal() -> None:
    hurried = ticket("es", "en:A1", lasts_s=3, now=NOW)
    poor = weighed(hurried, ticket("en", "es:C2", now=NOW), met=True)
    assert matching.threshold(poor, NOW, URGENT_S) == 0


@given(tickets(), tickets())
def test_the_filter_is_the_mutual_rule_both_ways_round(a: Ticket, b: Ticket) -> None:
    now = max(a.since, b.since)
    assert matching.fits(a, b, now) is matching.fits(b, a, now) is may_meet(a, b)


@given(tickets(), tickets(), st.booleans(), st.floats(0, 299))
def test_the_score_is_the_same_both_ways_round_and_never_negative(
    a: Ticket, b: Ticket, met: bool, later_s: float
) -> None:
    b = structs.replace(b, user_id=UserId("someone else"), avoid=())
    a = structs.replace(a, avoid=())
    now = min(a.expires_at, b.expires_at) - timedelta(seconds=300 - later_s)
    pairing = matching.weigh(a, b, now, met)
    assert pairing == matching.weigh(b, a, now, met)
    if pairing is not None:
        assert pairing.score >= 0
        assert pairing.first_practises in [p.language for p in pairing.first.practice_languages]
        assert pairing.second_practises in [p.language for p in pairing.second.practice_languages]


@given(tickets(), st.lists(tickets(), max_size=6), st.randoms())
def test_the_ranking_does_not_depend_on_the_order_of_the_candidates(
    asking: Ticket, others: list[Ticket], random: Random
) -> None:
    shuffled = random.sample(others, len(others))
    now = asking.since + timedelta(seconds=10)
    met = frozenset({UserId("u")})
    assert matching.rank(asking, others, now, met) == matching.rank(asking, shuffled, now, met)
