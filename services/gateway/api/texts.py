"""What people may write: names, interests and prose, cleaned or refused (pure), and durations."""

import unicodedata
from collections.abc import Sequence

from services.gateway.api.problems import FieldError, Invalid
from services.gateway.api.settings import ApiSettings
from shared.config import parse_duration

# Controls (also NUL, which Postgres cannot store), lone surrogates, private use, unassigned, and
# line breaks. Format characters stay: Persian and emoji need the joiners among them.
UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
# In prose what is new to this Unicode, or private, is nobody's disguise.
UNSTORABLE = frozenset({"Cc", "Cs"})
# Bidirectional overrides could make one name look like another, or turn the text around it.
BIDIRECTIONAL = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
)


def display_name(text: str, settings: ApiSettings) -> str:
    """The name trimmed and in composed form. Invalid: empty, too long, unprintable."""
    name = unicodedata.normalize("NFC", text).strip()
    length_max = settings.display_name_length_max
    if not name or not _visible(name):
        raise _invalid("/display_name", "a display name has at least one visible character")
    if len(name) > length_max:
        raise _invalid("/display_name", f"a display name has at most {length_max} characters")
    if _unprintable(name):
        raise _invalid("/display_name", "a display name has no control characters")
    return name


def interests(texts: Sequence[str], settings: ApiSettings) -> tuple[str, ...]:
    """Interests in one spelling (lower case, single spaces), each once, in the order given."""
    if len(texts) > settings.interests_max:
        raise _invalid("/interests", f"at most {settings.interests_max} interests")
    cleaned = (_interest(f"/interests/{n}", text, settings) for n, text in enumerate(texts))
    return tuple(dict.fromkeys(cleaned))


def prose(text: str, field: str, length_max: int) -> str:
    """Sentences of the body's `field`, trimmed, in composed form, lines ended by "\\n"; "" too."""
    written = "\n".join(unicodedata.normalize("NFC", text).splitlines()).strip()
    if len(written) > length_max:
        raise _invalid(f"/{field}", f"{field} has at most {length_max} characters")
    if any(unicodedata.category(char) in UNSTORABLE for char in written if char not in "\n\t"):
        raise _invalid(f"/{field}", f"{field} has no control characters but line breaks and tabs")
    return written


def timeout_s(text: str | None, settings: ApiSettings) -> float:
    """A duration like "3m" or "90s" in seconds; the default for None. Invalid out of bounds."""
    if text is None:
        return settings.queue_default_timeout_s
    least, most = settings.queue_timeout_min_s, settings.queue_timeout_max_s
    try:
        seconds = parse_duration(text)
    except ValueError:
        raise _invalid(
            "/timeout", 'a timeout is a number with a unit, like "3m" or "90s"'
        ) from None
    if not least <= seconds <= most:
        raise _invalid("/timeout", f"a timeout is from {least:g}s to {most / 60:g}m")
    return seconds


def _interest(pointer: str, text: str, settings: ApiSettings) -> str:
    word = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if not word or not _visible(word):
        raise _invalid(pointer, "an interest has at least one visible character")
    if len(word) > settings.interest_length_max:
        raise _invalid(
            pointer, f"an interest has at most {settings.interest_length_max} characters"
        )
    if _unprintable(word):
        raise _invalid(pointer, "an interest has no control characters")
    return word


def _visible(text: str) -> bool:
    return any(unicodedata.category(char)[0] not in "CZM" for char in text)


def _unprintable(text: str) -> bool:
    return any(unicodedata.category(char) in UNPRINTABLE or char in BIDIRECTIONAL for char in text)


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid([FieldError(detail, pointer)])
