"""The languages Parley knows, and checking those a caller names."""

from collections.abc import Sequence
from typing import overload

from msgspec import Struct
from starlette.responses import Response

from services.gateway.api.answers import ok
from services.gateway.api.dependencies import Call
from shared.domain import Practice
from shared.languages import Language, check, known, normalise

# The list changes only with a release.
CACHING = {"Cache-Control": "public, max-age=3600"}


class Known(Struct, frozen=True):
    languages: tuple[Language, ...]


async def offered(_: Call) -> Response:
    """200 every language with its code, its own name and its direction (`ltr`, `rtl`)."""
    return ok(Known(tuple(known())), headers=CACHING)


@overload
def checked(
    natives: Sequence[str], practices: Sequence[Practice]
) -> tuple[tuple[str, ...], tuple[Practice, ...]]: ...


@overload
def checked(
    natives: Sequence[str] | None, practices: Sequence[Practice] | None
) -> tuple[tuple[str, ...] | None, tuple[Practice, ...] | None]: ...


def checked(
    natives: Sequence[str] | None, practices: Sequence[Practice] | None
) -> tuple[tuple[str, ...] | None, tuple[Practice, ...] | None]:
    """Both lists with their tags normalised; None is a list not given.

    Refused: `unknown-language`, `no-languages`, `too-many-languages`, `duplicate-language`,
    `languages-overlap`. What overlaps with the profile's languages is found by sessions.
    """
    check(natives, practices)
    return (
        None if natives is None else tuple(map(normalise, natives)),
        None if practices is None else tuple(map(_normalised, practices)),
    )


def _normalised(practice: Practice) -> Practice:
    return Practice(normalise(practice.language), practice.level)
