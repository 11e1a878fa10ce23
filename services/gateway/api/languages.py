"""The languages Parley knows, and checking those a caller names."""

from collections.abc import Sequence
from typing import Annotated, overload

from msgspec import Meta, Struct
from starlette.responses import Response

from services.gateway.api.answers import ok
from services.gateway.api.dependencies import Call
from services.gateway.api.operations import named, operation
from shared.domain import Level, Practice
from shared.languages import LANGUAGES_MAX, Language, check, known, normalise, territories

# The list changes only with a release.
CACHING = {"Cache-Control": "public, max-age=3600"}


# What languages that a caller names may be refused for.
LANGUAGE_PROBLEMS = (
    "unknown-language",
    "no-languages",
    "too-many-languages",
    "duplicate-language",
    "languages-overlap",
)

_CODES = "|".join(language.code for language in known())
_TERRITORIES = "|".join(territories())

LanguageTag = Annotated[
    str,
    named(
        "LanguageTag",
        {
            "type": "string",
            "description": "A language of `GET /api/v1/languages`, perhaps of one country. Other "
            "BCP 47 tags of languages are understood as well.",
            "pattern": f"^(?:{_CODES})(?:-(?:{_TERRITORIES}))?$",
        },
    ),
]
_SOME = Meta(extra_json_schema={"minItems": 1, "maxItems": LANGUAGES_MAX, "uniqueItems": True})


class Learning(Struct, frozen=True, forbid_unknown_fields=True):
    """A language a caller practises, and how well they speak it."""

    language: LanguageTag
    level: Level


Natives = Annotated[tuple[LanguageTag, ...], _SOME]
Practices = Annotated[tuple[Learning, ...], _SOME]


class Known(Struct, frozen=True):
    languages: tuple[Language, ...]


@operation("List the languages", {200: Known})
async def offered(_: Call) -> Response:
    """Every language to choose from: its code, its own name and its direction."""
    return ok(Known(tuple(known())), headers=CACHING)


@overload
def checked(
    natives: Sequence[str], practices: Sequence[Learning]
) -> tuple[tuple[str, ...], tuple[Practice, ...]]: ...


@overload
def checked(
    natives: Sequence[str] | None, practices: Sequence[Learning] | None
) -> tuple[tuple[str, ...] | None, tuple[Practice, ...] | None]: ...


def checked(
    natives: Sequence[str] | None, practices: Sequence[Learning] | None
) -> tuple[tuple[str, ...] | None, tuple[Practice, ...] | None]:
    """Both lists with their tags normalised; None is a list not given.

    Refused: `unknown-language`, `no-languages`, `too-many-languages`, `duplicate-language`,
    `languages-overlap`. What overlaps with the profile's languages is found by sessions.
    """
    practised = None if practices is None else [Practice(p.language, p.level) for p in practices]
    check(natives, practised)
    return (
        None if natives is None else tuple(map(normalise, natives)),
        None if practised is None else tuple(map(_normalised, practised)),
    )


def _normalised(practice: Practice) -> Practice:
    return Practice(normalise(practice.language), practice.level)
