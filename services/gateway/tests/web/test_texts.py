"""The texts of the web client: in every language the same, all there and all used."""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from shared.domain import FeedbackTag, Level, ReportReason, SessionEndReason

WEB = Path(__file__).resolve().parents[2] / "web"
# The plural categories of each language (CLDR), as Intl.PluralRules names them.
FORMS = {
    "en": {"one", "other"},
    "es": {"one", "many", "other"},
    "fr": {"one", "many", "other"},
    "ar": {"zero", "one", "two", "few", "many", "other"},
}
LITERAL = re.compile(r'\b(?:t|has)\(\s*"([^"]+)"')
FAMILY = re.compile(r"\b(?:t|has)\(\s*`([^`]+)`")
INSERTED = re.compile(r"\$\{[^}]*\}")
ENTRIES = re.compile(r"^  \"([^\"]+)\":", re.MULTILINE)

Text = str | dict[str, str]


def catalogue(code: str) -> dict[str, Text]:
    texts: dict[str, Text] = json.loads((WEB / "texts" / f"{code}.json").read_text())
    return texts


def forms(text: Text) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def placeholders(text: Text) -> set[str]:
    return {name for form in forms(text) for name in re.findall(r"\{(\w+)\}", form)}


def sources() -> Iterator[str]:
    for path in [WEB / "app.js", *sorted((WEB / "ui").rglob("*.js"))]:
        yield path.read_text()


def literals() -> set[str]:
    return {key for source in sources() for key in LITERAL.findall(source)}


def families() -> list[re.Pattern[str]]:
    """Keys made of a template, like `level.${level}.name`, as patterns."""
    templates = {template for source in sources() for template in FAMILY.findall(source)}
    parts = [map(re.escape, INSERTED.split(template)) for template in sorted(templates)]
    return [re.compile("[A-Za-z0-9-]+".join(part)) for part in parts]


OTHERS = sorted(set(FORMS) - {"en"})


def test_there_is_a_catalogue_for_each_language_offered() -> None:
    offered = re.findall(r'\{ code: "(\w+)"', (WEB / "ui" / "i18n.js").read_text())
    files = {path.stem for path in (WEB / "texts").iterdir()}
    assert set(offered) == files == set(FORMS)


@pytest.mark.parametrize("code", sorted(FORMS))
def test_no_key_stands_twice_in_a_catalogue(code: str) -> None:
    entries = ENTRIES.findall((WEB / "texts" / f"{code}.json").read_text())
    assert sorted(entries) == sorted(catalogue(code))


@pytest.mark.parametrize("code", OTHERS)
def test_every_catalogue_has_the_keys_of_the_english_one_in_its_order(code: str) -> None:
    assert list(catalogue(code)) == list(catalogue("en"))


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_has_the_placeholders_of_the_english_one(code: str) -> None:
    english, texts = catalogue("en"), catalogue(code)
    differing = {key for key in english if placeholders(texts[key]) != placeholders(english[key])}
    assert differing == set()


@pytest.mark.parametrize("code", sorted(FORMS))
def test_what_is_counted_has_every_plural_form_of_its_language(code: str) -> None:
    counted = {key: set(text) for key, text in catalogue(code).items() if isinstance(text, dict)}
    english = {key for key, text in catalogue("en").items() if isinstance(text, dict)}
    assert set(counted) == english
    # "zero" is said of nothing at all, also in languages that do not ask for it.
    wanted = FORMS[code] - {"zero"}
    assert {key for key, has in counted.items() if has - {"zero"} != wanted} == set()


@pytest.mark.parametrize("code", sorted(FORMS))
def test_no_text_is_empty_or_has_markup(code: str) -> None:
    texts = catalogue(code)
    bad = {key for key in texts for form in forms(texts[key]) if not form.strip() or "<" in form}
    assert bad == set()


def test_french_punctuation_never_begins_a_line() -> None:
    texts = catalogue("fr")
    bad = {key for key in texts for form in forms(texts[key]) if re.search(" [:;?!»]|« ", form)}
    assert bad == set()


@pytest.mark.parametrize("code", OTHERS)
def test_texts_are_translated(code: str) -> None:
    # Words that are the same, names of levels apart; more is a text that was forgotten.
    english, texts = catalogue("en"), catalogue(code)
    same = {key for key in english if texts[key] == english[key]}
    assert len(same) < len(english) / 20, sorted(same)


def test_every_key_that_the_pages_use_exists() -> None:
    keys = set(catalogue("en"))
    assert literals() - keys == set()
    assert [family.pattern for family in families() if not any(map(family.fullmatch, keys))] == []


def test_keys_are_named_where_they_are_used() -> None:
    # A key in a variable would escape the two tests beside this one.
    pages = [source for source in sources() if "export function t(" not in source]
    assert [call for page in pages for call in re.findall(r"\bt\([^\"`\s][^)]*\)", page)] == []


def test_every_key_is_used() -> None:
    unused = {
        key
        for key in set(catalogue("en")) - literals()
        if not any(family.fullmatch(key) for family in families())
    }
    assert unused == set()


@pytest.mark.parametrize(
    ("keys", "members"),
    [
        ("report.{}", ReportReason),
        ("tag.{}", FeedbackTag),
        ("level.{}.name", Level),
        ("level.{}.can", Level),
    ],
)
def test_every_choice_of_the_server_has_words(keys: str, members: type[StrEnum]) -> None:
    assert {keys.format(member) for member in members} <= set(catalogue("en"))


def test_every_end_of_a_session_has_words() -> None:
    source = (WEB / "ui" / "ended.js").read_text()
    sided = re.search(r"const SIDED = \[([^\]]*)\]", source)
    assert sided is not None
    known = set(re.findall(r'"(\w+)"', sided[1]))
    keys = {
        f"ended.{reason}.{side}" if reason in known else f"ended.{reason}"
        for reason in SessionEndReason
        for side in ("you", "partner")
    }
    assert keys <= set(catalogue("en"))
