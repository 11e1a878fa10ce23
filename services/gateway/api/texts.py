"""What people may write: names, interests and prose, cleaned or refused (pure), and durations."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from services.gateway.api.operations import named
from services.gateway.api.problems import FieldError, Invalid
from services.gateway.api.settings import ApiSettings
from shared.config import parse_duration
from shared.schemas import Schema

# What the contract says of texts is no setting: clients count on it.
DISPLAY_NAME_LENGTH_MAX: Final = 50
"""A name is shown on one line of a phone."""

INTERESTS_MAX: Final = 10
"""More interests make every pair share some, and the score means nothing."""

INTEREST_LENGTH_MAX: Final = 30

COMMENT_LENGTH_MAX: Final = 1_000
"""Some sentences beside a rating."""

DETAILS_LENGTH_MAX: Final = 2_000
"""What happened, told in full: a page."""

TIMEOUT_MIN_S: Final = 1
TIMEOUT_MAX_S: Final = 30 * 60
"""Below a second nothing can be told in time; above half an hour nobody is still there."""

# Controls (also NUL, which Postgres cannot store), line breaks, and bidirectional overrides, which
# could make one name look like another, or turn the text around it. Other format characters stay:
# Persian and emoji need the joiners among them.
_UNPRINTABLE = (
    r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ue000-\uf8ff"
)
# White space, what Unicode calls default-ignorable, and accents without a letter.
_UNSEEN = (
    r"\u0020\u00a0\u00ad\u0300-\u036f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
)
_LINE = f"^[^{_UNPRINTABLE}]*[^{_UNPRINTABLE}{_UNSEEN}][^{_UNPRINTABLE}]*$"
# In prose line breaks of every kind and tabs are fine, and what is private is nobody's disguise.
_PROSE = r"^[^\u0000-\u0008\u000e-\u001b\u001f\u007f-\u0084\u0086-\u009f]*$"
# Whole seconds or minutes; other units and fractions are understood as well.
_TIMEOUT = r"^(?:(?:[1-9][0-9]{0,2}|1[0-7][0-9]{2}|1800)s|(?:[1-9]|[12][0-9]|30)m)$"

_unprintable = re.compile(f"[{_UNPRINTABLE}]")
_seen = re.compile(f"[^{_UNPRINTABLE}{_UNSEEN}]")
_prose = re.compile(_PROSE)


def _line(length_max: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": length_max, "pattern": _LINE}


def _lines(length_max: int) -> Schema:
    return {"type": "string", "maxLength": length_max, "pattern": _PROSE}


DisplayName = Annotated[str, named("DisplayName", _line(DISPLAY_NAME_LENGTH_MAX))]
Interest = Annotated[str, named("Interest", _line(INTEREST_LENGTH_MAX))]
Interests = Annotated[tuple[Interest, ...], Meta(extra_json_schema={"maxItems": INTERESTS_MAX})]
Comment = Annotated[str, named("Comment", _lines(COMMENT_LENGTH_MAX))]
Details = Annotated[str, named("Details", _lines(DETAILS_LENGTH_MAX))]
Timeout = Annotated[str, named("Timeout", {"type": "string", "pattern": _TIMEOUT})]


def display_name(text: str) -> str:
    """The name trimmed and in composed form. Invalid: empty, too long, unprintable."""
    _check_line("/display_name", "a display name", text, DISPLAY_NAME_LENGTH_MAX)
    name = unicodedata.normalize("NFC", text).strip()
    return _line_of(name, text.strip(), DISPLAY_NAME_LENGTH_MAX)


def interests(texts: Sequence[str]) -> tuple[str, ...]:
    """Interests in one spelling (lower case, single spaces), each once, in the order given."""
    if len(texts) > INTERESTS_MAX:
        raise _invalid("/interests", f"at most {INTERESTS_MAX} interests")
    cleaned = (_interest(f"/interests/{n}", text) for n, text in enumerate(texts))
    return tuple(dict.fromkeys(cleaned))


def prose(text: str, field: str, length_max: int) -> str:
    """Sentences of the body's `field`, trimmed, in composed form, lines ended by "\\n"; "" too."""
    pointer = f"/{field}"
    _check_length(pointer, field, text, length_max)
    if not _prose.fullmatch(text) or _unencodable(text):
        raise _invalid(pointer, f"{field} has no control characters but line breaks and tabs")
    composed = _lines_of(unicodedata.normalize("NFC", text))
    return composed if len(composed) <= length_max else _lines_of(text)


def timeout_s(text: str | None, settings: ApiSettings) -> float:
    """A duration like "3m" or "90s" in seconds; the default for None. Invalid out of bounds."""
    if text is None:
        return settings.queue_default_timeout_s
    try:
        seconds = parse_duration(text)
    except ValueError:
        raise _invalid(
            "/timeout", 'a timeout is a number with a unit, like "3m" or "90s"'
        ) from None
    if not TIMEOUT_MIN_S <= seconds <= TIMEOUT_MAX_S:
        least, most = f"{TIMEOUT_MIN_S}s", f"{TIMEOUT_MAX_S / 60:g}m"
        raise _invalid("/timeout", f"a timeout is from {least} to {most}")
    return seconds


def _interest(pointer: str, text: str) -> str:
    _check_line(pointer, "an interest", text, INTEREST_LENGTH_MAX)
    word = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return _line_of(word, " ".join(text.split()), INTEREST_LENGTH_MAX)


def _lines_of(text: str) -> str:
    return "\n".join(text.splitlines()).strip()


def _line_of(spelling: str, written: str, length_max: int) -> str:
    """Some characters grow when they are composed or folded, and "´" alone loses its base: what the
    contract would then not allow in an answer is kept as it was written."""
    fits = len(spelling) <= length_max and _seen.search(spelling)
    return spelling if fits and not _unprintable.search(spelling) else written


def _check_line(pointer: str, noun: str, text: str, length_max: int) -> None:
    _check_length(pointer, noun, text, length_max)
    if _unprintable.search(text) or _unencodable(text):
        raise _invalid(pointer, f"{noun} has no control characters")
    if not _seen.search(text):
        raise _invalid(pointer, f"{noun} has at least one visible character")


def _check_length(pointer: str, noun: str, text: str, length_max: int) -> None:
    if len(text) > length_max:
        raise _invalid(pointer, f"{noun} has at most {length_max} characters")


def _unencodable(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid([FieldError(detail, pointer)])
