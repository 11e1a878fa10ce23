from services.gateway.estimates import by_pair, estimated_wait_s, pair_wait_s
from shared.events import PairMeasured


def pair(native: str, practice: str, waiting: int, *waits_s: float) -> PairMeasured:
    return PairMeasured(
        native=native, practice=practice, waiting=waiting, recent_waits_s=tuple(waits_s)
    )


def test_nothing_measured_means_no_estimate() -> None:
    assert estimated_wait_s({}, ["es"], ["en"]) is None


def test_somebody_waiting_on_the_other_side_means_no_wait() -> None:
    pairs = by_pair([pair("en", "es", 1)])
    assert pair_wait_s(pairs, "es", "en") == 0.0
    assert pair_wait_s(pairs, "en", "es") is None


def test_as_many_waiting_on_this_side_means_they_do_not_fit_and_recent_waits_tell() -> None:
    pairs = by_pair([pair("en", "es", 2), pair("es", "en", 2, 10, 20, 30)])
    assert pair_wait_s(pairs, "es", "en") == 20


def test_a_few_samples_are_no_estimate_and_those_who_met_somebody_at_once_are_none() -> None:
    assert pair_wait_s(by_pair([pair("es", "en", 1, 10, 20)]), "es", "en") is None
    assert pair_wait_s(by_pair([pair("es", "en", 1, 0.1, 0.1, 0.1, 10)]), "es", "en") is None


def test_who_has_waited_is_compared_with_those_who_waited_longer() -> None:
    pairs = by_pair([pair("es", "en", 1, 5, 10, 40, 50, 60)])
    assert pair_wait_s(pairs, "es", "en") == 40
    assert pair_wait_s(pairs, "es", "en", waited_s=20) == 30
    assert pair_wait_s(pairs, "es", "en", waited_s=45) is None


def test_who_waits_beside_a_partner_that_does_not_fit_is_not_promised_one_at_once() -> None:
    pairs = by_pair([pair("en", "es", 3), pair("es", "en", 1)])
    assert pair_wait_s(pairs, "es", "en", waited_s=30) is None


def test_the_shortest_of_several_languages_counts() -> None:
    pairs = by_pair([pair("es", "en", 0, 60, 60, 60), pair("es", "fr", 0, 9, 9, 9)])
    assert estimated_wait_s(pairs, ["es", "ca"], ["en", "fr", "it"]) == 9
