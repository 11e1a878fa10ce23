import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import languages, languages_table
from shared.domain import Level, Practice
from shared.errors import Refused

ROOT = Path(__file__).parents[2]
TAGS = st.sampled_from([language.code for language in languages.known()])
REGIONS = st.sampled_from(["", "-BR", "-us", "-GB", "-419", "-Latn", "-hans-CN", "-u-ca-gregory"])
TAGLIKE = st.text(string.ascii_letters + string.digits + "-_é", max_size=40)


def practise(*tags: str) -> list[Practice]:
    return [Practice(tag, Level.B1) for tag in tags]


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("iw", "he"),
        ("cmn", "zh"),
        ("pt-br", "pt-BR"),
        ("EN_us", "en-US"),
        ("en-Latn-US", "en-US"),
        ("zh-cmn-Hans", "zh-Hans"),
        ("zh-yue", "yue"),
        ("sh", "sr-Latn"),
        ("tl", "fil"),
        ("arb", "ar"),
        ("en-US-u-ca-gregory", "en-US"),
        ("ca-valencia", "ca-valencia"),
    ],
)
def test_a_tag_has_one_canonical_form(tag: str, canonical: str) -> None:
    assert languages.normalise(tag) == canonical


@pytest.mark.parametrize(
    "tag",
    ["", "e", "xx-invalid", "xx", "und", "und-US", "mul", "mis", "zxx", "qaa", "qtz", "x-private",
     "en-x-private", "english", "123", "en-", "日本語", "én", "a" * 200, "en\n", " en"],
)  # fmt: skip
def test_what_names_no_language_is_refused(tag: str) -> None:
    with pytest.raises(Refused) as refused:
        languages.normalise(tag)
    assert refused.value.code == "unknown-language"
    assert len(refused.value.detail) < 100


@pytest.mark.parametrize(
    ("tag", "bucket"),
    [("pt-BR", "pt"), ("pt", "pt"), ("zh-Hant-TW", "zh"), ("nb", "no"), ("nn-NO", "no")],
)
def test_variants_of_a_language_share_its_bucket(tag: str, bucket: str) -> None:
    assert languages.primary(tag) == bucket


@given(TAGLIKE)
def test_any_text_is_normalised_for_good_or_refused(tag: str) -> None:
    try:
        canonical = languages.normalise(tag)
    except Refused:
        return
    assert languages.normalise(canonical) == canonical
    assert languages.primary(canonical) == languages.primary(tag)


@given(TAGS, REGIONS)
def test_a_known_language_stays_itself_in_any_region_and_case(code: str, region: str) -> None:
    assert languages.primary(code + region) == code
    assert languages.normalise((code + region).upper()) == languages.normalise(code + region)


def test_the_table_is_what_the_libraries_give() -> None:
    """Else: `make languages`, and look at what has changed."""
    assert languages_table.TABLE.read_bytes() == languages_table.table()


def test_no_names_of_languages_are_loaded_to_serve() -> None:
    """They take 280 MB and, at the start, two seconds of everybody's time."""
    program = (
        "import sys; from shared.languages import check, known, normalise; "
        "normalise('pt-br'); check(['es', 'ca'], None); known(); "
        "sys.exit('language_data' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_known_languages_have_their_own_name_and_direction() -> None:
    known = {language.code: language for language in languages.known()}
    assert known["es"].name == "español"
    assert known["yue"].name == "粵語"
    assert {known[code].direction for code in ("ar", "he", "fa", "ur", "dv", "yi")} == {"rtl"}
    assert {known[code].direction for code in ("en", "zh", "hi", "ru")} == {"ltr"}
    assert 180 < len(known) < 220
    assert all(language.name for language in known.values())
    assert list(known) == sorted(known)
    assert not {"nb", "tl", "iw", "sh", "cmn"} & set(known)


def test_a_pair_of_natives_and_practices_passes() -> None:
    languages.check(["es", "ca"], practise("en-GB", "pt-BR"))


@pytest.mark.parametrize(
    ("natives", "practices", "code"),
    [
        ([], ["en"], "no-languages"),
        (["es"], [], "no-languages"),
        (["es"], ["xx-invalid"], "unknown-language"),
        (["es"], ["es-MX"], "languages-overlap"),
        (["pt", "pt-BR"], ["en"], "duplicate-language"),
        (["es"], ["zh", "cmn"], "duplicate-language"),
        (["es"], ["en"] * 200, "too-many-languages"),
    ],
)
def test_languages_nobody_can_have_are_refused(
    natives: list[str], practices: list[str], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        languages.check(natives, practise(*practices))
    assert refused.value.code == code


@given(st.lists(TAGS, min_size=1, max_size=12), st.lists(TAGS, min_size=1, max_size=12))
def test_a_check_passes_exactly_when_all_are_distinct_and_few(
    natives: list[str], practices: list[str]
) -> None:
    distinct = len({*natives, *practices}) == len(natives) + len(practices)
    few = max(len(natives), len(practices)) <= languages.LANGUAGES_MAX
    try:
        languages.check(natives, practise(*practices))
    except Refused:
        assert not (distinct and few)
    else:
        assert distinct
        assert few
