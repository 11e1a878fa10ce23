"""Makes the table of languages to choose from out of language-data: `make languages`.

A program of its own because the names of all languages in all languages, loaded for these few,
take 280 MB and two seconds. Run it when langcodes or language-data is upgraded.
"""

from pathlib import Path
from string import ascii_lowercase
from typing import Final

import msgspec
from langcodes import Language as Tag

from shared.languages import Language, primary

TABLE: Final = Path(__file__).with_name("languages.json")

# Primary languages beyond ISO 639-1 that people in language exchanges do name.
_BEYOND_TWO_LETTERS: Final = (
    *("ast", "bho", "ceb", "chr", "ckb", "fil", "gsw", "haw", "hmn", "kab"),
    *("mai", "pcm", "scn", "tpi", "vec", "yue"),
)
# Two-letter codes of languages that nobody speaks on a call.
_NOT_SPOKEN: Final = frozenset({"ae", "cu", "pi", "vo"})
_RIGHT_TO_LEFT: Final = frozenset({"Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"})


def main() -> None:
    TABLE.write_bytes(table())


def table() -> bytes:
    """The table as the libraries installed have it: JSON, a language a line, by code."""
    two_letters = {first + second for first in ascii_lowercase for second in ascii_lowercase}
    codes = sorted(two_letters.union(_BEYOND_TWO_LETTERS) - _NOT_SPOKEN)
    lines = [msgspec.json.encode(language) for code in codes if (language := _offered(code))]
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def _offered(code: str) -> Language | None:
    """None unless `code` is the bucket of a language."""
    language = Tag.get(code)
    if not language.is_valid() or primary(code) != code:
        return None
    is_right_to_left = language.maximize().script in _RIGHT_TO_LEFT
    return Language(code, language.autonym(), "rtl" if is_right_to_left else "ltr")


if __name__ == "__main__":
    main()
