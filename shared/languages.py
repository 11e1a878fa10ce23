"""Languages as people name them: BCP 47 tags, normalised and checked, with their own names.

Tags and aliases come from langcodes, 3 MB. Names come from `languages.json`, which
`shared/languages_table.py` makes out of language-data: that would take a process 280 MB.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from string import ascii_uppercase
from typing import Final, Literal

import langcodes
import msgspec
from langcodes import Language as Tag
from msgspec import Struct

from shared.domain import Practice
from shared.errors import Refused

LANGUAGES_MAX: Final = 10
"""Natives, and practices, of one user. Hardly anybody has more; each is a bucket to search."""

TAG_LENGTH_MAX: Final = 35
"""RFC 5646, section 4.4.1: what a tag needs with everything in it that makes sense together."""

_TABLE: Final = Path(__file__).with_name("languages.json")
_NO_LANGUAGE: Final = frozenset({"und", "mul", "mis", "zxx", "root"})
# Who practises Norwegian means Bokmål, and whoever writes Nynorsk speaks with both.
_SAME_BUCKET: Final = {"nb": "no", "nn": "no"}


class Language(Struct, frozen=True):
    """A language one can choose: its tag, its own name, and how it is written."""

    code: str
    name: str
    direction: Literal["ltr", "rtl"]


@lru_cache(maxsize=4096)
def normalise(tag: str) -> str:
    """The canonical form of a BCP 47 tag: `pt-br` → `pt-BR`, `iw` → `he`, `cmn` → `zh`.

    A script that goes without saying and extensions are dropped: `en-Latn-US` → `en-US`.
    Raises `Refused("unknown-language")` for what names no language.
    """
    if not 2 <= len(tag) <= TAG_LENGTH_MAX:
        raise _unknown(tag)
    try:
        language = Tag.get(langcodes.standardize_tag(tag, macro=True))
    except ValueError as error:  # LanguageTagError is one
        raise _unknown(tag) from error
    if not language.is_valid() or not _is_public(language):
        raise _unknown(tag)
    spoken = Tag.make(
        language=language.language,
        script=language.script,
        territory=language.territory,
        variants=language.variants,
    )
    return spoken.simplify_script().to_tag()


@lru_cache(maxsize=4096)
def primary(tag: str) -> str:
    """The language of a tag without script and region: the key of its bucket. `pt-BR` → `pt`.

    Raises `Refused("unknown-language")`.
    """
    language = normalise(tag).partition("-")[0]
    return _SAME_BUCKET.get(language, language)


def check(natives: Sequence[str] | None, practices: Sequence[Practice] | None) -> None:
    """Raises `Refused` unless these can be somebody's languages; None is a side not given.

    Codes: `unknown-language`, `no-languages`, `too-many-languages`, `duplicate-language` (two
    variants of one language on the same side), `languages-overlap` (native and practised).
    """
    native = set() if natives is None else _primaries("native", natives)
    practised = set() if practices is None else _primaries("practice", _tags(practices))
    both = sorted(native & practised)
    if both:
        detail = f"{both[0]} is both native and practised"
        raise Refused("languages-overlap", detail, {"language": both[0]})


@cache
def known() -> tuple[Language, ...]:
    """Every language offered to choose from, by code."""
    return msgspec.json.decode(_TABLE.read_bytes(), type=tuple[Language, ...])


@cache
def territories() -> tuple[str, ...]:
    """The countries that may follow a language: `BR` in `pt-BR`."""
    pairs = (first + second for first in ascii_uppercase for second in ascii_uppercase)
    return tuple(pair for pair in pairs if Tag.get(f"en-{pair}").is_valid())


def _tags(practices: Sequence[Practice]) -> list[str]:
    return [practice.language for practice in practices]


def _primaries(side: str, tags: Sequence[str]) -> set[str]:
    """The distinct languages of one side."""
    if not tags:
        raise Refused("no-languages", f"at least one {side} language is needed", {"side": side})
    if len(tags) > LANGUAGES_MAX:
        detail = f"{len(tags)} {side} languages are too many, at most {LANGUAGES_MAX} are allowed"
        raise Refused("too-many-languages", detail, {"side": side})
    seen: set[str] = set()
    for language in map(primary, tags):
        if language in seen:
            detail = f"{language} is named twice among the {side} languages"
            raise Refused("duplicate-language", detail, {"side": side, "language": language})
        seen.add(language)
    return seen


def _is_public(language: Tag) -> bool:
    """False for codes that stand for no, many or somebody's private language."""
    code = language.language
    if code is None or code in _NO_LANGUAGE or language.private is not None:
        return False
    return not ("qaa" <= code <= "qtz" and len(code) == 3) and not code.startswith("x-")


def _unknown(tag: str) -> Refused:
    shown = tag[:TAG_LENGTH_MAX]
    return Refused("unknown-language", f"{shown!r} names no known language", {"language": shown})
