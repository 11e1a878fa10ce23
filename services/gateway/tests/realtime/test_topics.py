"""Every turn has something to talk about, in its language if there is a catalogue of it."""

from datetime import timedelta
from itertools import pairwise

import pytest

from services.gateway.realtime.topics import CATALOGUES, PROMPTS_PER_TURN, pick
from services.gateway.tests.realtime.lives import NOON
from shared.domain import Level, Turn
from shared.identifiers import SessionId, new_id

SESSION = SessionId("01935000-0000-7000-8000-00000000000c")
# Three for each of three turns: with an odd number of threes, every other turn gets round to all.
PROMPTS = 9


def turn(number: int, language: str = "es", level: Level | None = Level.B1) -> Turn:
    until = NOON + timedelta(minutes=10)
    return Turn(number=number, language=language, since=NOON, until=until, level=level)


def test_there_are_catalogues_in_five_languages_at_least() -> None:
    assert set(CATALOGUES) >= {"en", "es", "fr", "de", "pt"}


@pytest.mark.parametrize("language", CATALOGUES)
@pytest.mark.parametrize("level", [Level.A1, Level.B1, Level.C1])
def test_each_level_has_prompts_enough_for_three_turns(language: str, level: Level) -> None:
    prompts = CATALOGUES[language].of(level)
    assert len(prompts) == PROMPTS
    for prompt in prompts:
        assert 15 <= len(prompt) <= 120 and prompt == prompt.strip() and prompt[-1] in "?."


def test_no_prompt_stands_twice() -> None:
    prompts = [
        prompt.casefold() for one in CATALOGUES.values() for prompt in (*one.a, *one.b, *one.c)
    ]
    assert len(prompts) == len(set(prompts)) == len(CATALOGUES) * 3 * PROMPTS


def test_a_spanish_turn_is_spanish_and_a_japanese_one_says_that_it_is_english() -> None:
    spanish, japanese = pick(turn(0, "es-MX"), SESSION), pick(turn(0, "ja"), SESSION)
    assert (spanish.language, spanish.fallback) == ("es", False)
    assert set(spanish.prompts) <= set(CATALOGUES["es"].b)
    assert (japanese.language, japanese.fallback) == ("en", True)
    assert set(japanese.prompts) <= set(CATALOGUES["en"].b)


@pytest.mark.parametrize(
    ("level", "band"),
    [("A1", "a"), ("A2", "a"), ("B1", "b"), ("B2", "b"), ("C1", "c"), ("C2", "c"), (None, "b")],
)
def test_prompts_suit_the_level_of_who_practises(level: str | None, band: str) -> None:
    known = Level(level) if level else None
    picked = pick(turn(0, "fr", known), SESSION)
    assert picked.level is known
    assert set(picked.prompts) <= set(getattr(CATALOGUES["fr"], band))


def test_both_sides_and_every_gateway_pick_the_same() -> None:
    assert pick(turn(3), SESSION) == pick(turn(3), SESSION)
    assert pick(turn(0), SESSION).prompts == (
        "¿Qué plato cocinas mejor que nadie? Explícame cómo se prepara.",
        "¿Cuál ha sido el mejor regalo que has hecho? ¿Por qué acertaste?",
        "¿Prefieres vivir en el campo o en la ciudad? ¿Qué te haría cambiar de opinión?",
    ), "gateways of two versions would offer the two of a talk different prompts"


def test_sessions_differ() -> None:
    picked = {pick(turn(0), SessionId(new_id())).prompts for _ in range(50)}
    assert len(picked) > 10


@pytest.mark.parametrize("languages", [("es", "en"), ("ja", "en"), ("en", "ja"), ("ja", "zh")])
def test_nothing_is_offered_again_before_the_list_is_through(languages: tuple[str, str]) -> None:
    offered = [pick(turn(number, languages[number % 2]), SESSION) for number in range(12)]
    for one in offered:
        assert len(set(one.prompts)) == PROMPTS_PER_TURN
    for one, following in pairwise(offered):
        assert not set(one.prompts) & set(following.prompts)
    for side in (offered[::2], offered[1::2]):
        for at in range(len(side) - 2):
            three = [prompt for one in side[at : at + 3] for prompt in one.prompts]
            assert len(set(three)) == PROMPTS
