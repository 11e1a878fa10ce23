"""What a call takes and answers, declared beside the function that answers it.

`openapi.py` makes the contract of these declarations; a problem, a field or a status that is not
declared fails the tests that see it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec import Meta, Struct
from starlette.responses import Response

from shared.schemas import Schema

F = TypeVar("F", bound=Callable[[Any], Awaitable[Response]])

REFERENCE: Final = "#/components/schemas/{name}"
LOCATION: Final = "Location"
REPLAYED: Final = "Idempotency-Replayed"

NAMED: Final[dict[str, Schema]] = {}
"""Schemas that no struct stands for, by name."""


class Operation(Struct, frozen=True, kw_only=True):
    """One call. `answers` holds the struct of each status, None for an empty one."""

    summary: str
    description: str
    answers: Mapping[int, Any]
    body: type[Struct] | None
    body_required: bool
    query: type[Struct] | None
    problems: tuple[str, ...]
    idempotent: bool
    headers: tuple[str, ...]
    links: Mapping[str, Mapping[str, str]]


_declared: dict[Callable[[Any], Awaitable[Response]], Operation] = {}


def operation(
    summary: str,
    answers: Mapping[int, Any],
    *problems: str,
    body: type[Struct] | None = None,
    body_required: bool = True,
    query: type[Struct] | None = None,
    idempotent: bool = False,
    headers: tuple[str, ...] = (),
    links: Mapping[str, Mapping[str, str]] | None = None,
) -> Callable[[F], F]:
    """Declares the call a function answers; its docstring says more for whoever calls.

    `problems` are those of the call itself: what a token, a body, a limit or a key may be refused
    for goes without saying. `headers` stand on its good answers; `links` name the calls that a good
    answer leads to, and where in it their parameters are.
    """

    def declare(function: F) -> F:
        _declared[function] = Operation(
            summary=summary,
            description=function.__doc__ or "",
            answers=answers,
            body=body,
            body_required=body_required,
            query=query,
            problems=problems,
            idempotent=idempotent,
            headers=headers,
            links=links or {},
        )
        return function

    return declare


def operation_of(function: Callable[[Any], Awaitable[Response]]) -> Operation | None:
    return _declared.get(function)


def named(name: str, schema: Schema) -> Meta:
    """An annotation: what is annotated has this schema, which stands once in the contract."""
    NAMED[name] = schema
    return Meta(extra_json_schema={"$ref": REFERENCE.format(name=name)})
