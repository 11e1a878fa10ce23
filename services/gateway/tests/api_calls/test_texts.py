import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.api import texts
from services.gateway.api.operations import NAMED
from services.gateway.api.problems import Invalid
from services.gateway.api.settings import ApiSettings

SETTINGS = ApiSettings()


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("  Ana ", "Ana"),
        ("Zoe\u0308", "Zoë"),
        ("علی‌رضا", "علی‌رضا"),
        ("👩‍💻", "👩‍💻"),
        ("x" * 50, "x" * 50),
    ],
)
def test_a_name_is_trimmed_and_composed_and_otherwise_kept(given_name: str, kept: str) -> None:
    assert texts.display_name(given_name) == kept


@pytest.mark.parametrize(
    "name",
    ["", "   ", "\u200d", "x" * 51, "a\x00b", "a\nb", "a\u2028b", "a\u202eb", "\ue000", "\u0301"],
)
def test_a_name_that_nobody_could_read_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        texts.display_name(name)
    assert caught.value.errors[0].pointer == "/display_name"


def test_interests_are_spelled_alike_and_named_once() -> None:
    given_words = ["Film", "  film ", "Board   Games", "ＦＩＬＭ", "straße"]
    assert texts.interests(given_words) == ("film", "board games", "strasse")


@pytest.mark.parametrize(
    ("words", "pointer"),
    [(["film", " "], "/interests/1"), (["x" * 31], "/interests/0"), (["a"] * 11, "/interests")],
)
def test_interests_past_their_limits_are_refused_by_place(words: list[str], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        texts.interests(words)
    assert caught.value.errors[0].pointer == pointer


@given(st.text())
def test_any_text_is_a_name_or_refused_and_a_name_stays_itself(text: str) -> None:
    try:
        name = texts.display_name(text)
    except Invalid:
        return
    assert 1 <= len(name) <= 50
    assert texts.display_name(name) == name


def contract(name: str) -> re.Pattern[str]:
    return re.compile(NAMED[name]["pattern"].removesuffix("$") + r"\Z")


@given(st.text(max_size=50))
def test_the_contract_says_which_names_are_taken(text: str) -> None:
    try:
        texts.display_name(text)
        taken = True
    except Invalid:
        taken = False
    assert bool(contract("DisplayName").search(text)) == taken


@given(st.text(max_size=30) | st.text("¼ß\u0958 x", max_size=30))
def test_the_contract_says_which_interests_are_taken_and_shown(text: str) -> None:
    interest = contract("Interest")
    try:
        [kept] = texts.interests([text])
    except Invalid:
        assert not interest.search(text)
        return
    assert interest.search(text)
    assert len(kept) <= 30
    assert texts.interests([kept]) == (kept,)


def test_what_would_grow_too_long_in_one_spelling_is_kept_as_it_was_written() -> None:
    grows = "\u0958"  # two code points when composed, of all things
    assert texts.display_name(grows * 25) == "\u0915\u093c" * 25
    assert texts.display_name(grows * 26) == grows * 26
    assert texts.interests(["¼" * 10, "¼" * 11]) == ("1\u20444" * 10, "¼" * 11)
    assert texts.prose(grows * 100, "comment", 100) == grows * 100


@given(st.text(max_size=100))
def test_the_contract_says_which_prose_is_taken(text: str) -> None:
    try:
        texts.prose(text, "comment", 200)
        taken = True
    except Invalid:
        taken = False
    assert bool(contract("Comment").search(text)) == taken


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, 300), ("3m", 180), ("1s", 1), ("1500ms", 1.5), ("0.5h", 1800)]
)
def test_a_timeout_is_a_duration_with_its_unit(text: str | None, seconds: float) -> None:
    assert texts.timeout_s(text, SETTINGS) == seconds


@pytest.mark.parametrize(
    "text", ["", "3", "3 minutes", "0s", "999ms", "31m", "-3m", "9" * 400 + "h"]
)
def test_a_timeout_out_of_bounds_or_sense_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        texts.timeout_s(text, SETTINGS)
    assert caught.value.errors[0].pointer == "/timeout"


def test_prose_keeps_its_lines_and_every_script() -> None:
    written = "  ¡Qué\r\nbien!\u2028\u061cممتاز\t👩\u200d💻 \ue000 Zoe\u0308\n"
    kept = "¡Qué\nbien!\n\u061cممتاز\t👩\u200d💻 \ue000 Zoë"
    assert texts.prose(written, "comment", 100) == kept
    assert texts.prose(" \n ", "comment", 100) == ""
    assert texts.prose("e\u0301" * 50, "comment", 100) == "é" * 50


@pytest.mark.parametrize("text", ["x" * 101, "a\x00b", "a\x1bb", "a\ud800b"])
def test_prose_that_is_too_long_or_cannot_be_kept_is_refused_by_field(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        texts.prose(text, "details", 100)
    assert caught.value.errors[0].pointer == "/details"
    assert "details has" in caught.value.errors[0].detail
