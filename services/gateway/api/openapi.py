"""The API's contract: OpenAPI 3.1, made of the same structs and routes that serve."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from services.gateway.api.operations import (
    LOCATION,
    NAMED,
    REFERENCE,
    REPLAYED,
    Operation,
)
from services.gateway.api.problems import MEDIA_TYPE, PROBLEMS, Problem
from shared.schemas import Schema, components

JSON = "application/json"
VERSION = "1.0.0"
DESCRIPTION = """\
Parley pairs people who want to practise each other's language. Ask for a partner here; what
becomes of it is told on the WebSocket `/api/v1/ws`, whose contract is an AsyncAPI document.

Problems are RFC 9457 documents. 422 is what this contract alone can tell of a body or a query, 409
what no schema can: it conflicts with itself, or with what is there."""
HEADERS: Mapping[str, tuple[str, Schema]] = {
    "X-Correlation-Id": ("Names this call in our logs.", {"type": "string"}),
    LOCATION: ("Where what came of it is found.", {"type": "string"}),
    REPLAYED: ("The key was seen before: this is what came of it.", {"enum": ["true"]}),
    "Retry-After": ("Seconds after which to try again.", {"type": "integer", "minimum": 1}),
    "WWW-Authenticate": ("What kind of token is needed.", {"type": "string"}),
}
HEADERS_OF_PROBLEMS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Names this call: said again with the same key and body it is not done again, "
    "and is answered with what came of it. Kept for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
BODY_PROBLEMS = (
    "malformed-json",
    "unsupported-media-type",
    "invalid-body",
    "body-too-large",
    "body-timeout",
)
IDEMPOTENCY_PROBLEMS = ("invalid-idempotency-key", "idempotency-mismatch")
_PLACE = re.compile(r"\{(\w+)\}")


class Documented(msgspec.Struct, frozen=True):
    """A call by its path and method. `problems`: what its audience may be refused for."""

    path: str
    method: str
    operation: Operation
    problems: tuple[str, ...]
    secured: bool


def document(calls: Iterable[Documented]) -> Schema:
    """The whole document; `calls` in the order of the map of the API."""
    paths: dict[str, Schema] = {}
    problems: dict[str, Schema] = {}
    listed = list(calls)
    for call in listed:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, problems)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Parley", "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(_schemas([call.operation for call in listed]).items())),
            "responses": dict(sorted(problems.items())),
            "headers": {
                name: {"description": text, "required": name != REPLAYED, "schema": schema}
                for name, (text, schema) in HEADERS.items()
            },
            "x-problems": {
                code: {"status": status.value, "title": title}
                for code, (status, title) in PROBLEMS.items()
            },
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _schemas(operations: list[Operation]) -> dict[str, Schema]:
    taken = [operation.body for operation in operations if operation.body]
    given = {kind for operation in operations for kind in operation.answers.values() if kind}
    by_name = sorted(given | {Problem}, key=lambda kind: str(kind.__name__))
    bodies = components(taken, REFERENCE, written=False)
    answers = components(by_name, REFERENCE, written=True)
    for name in bodies.keys() & answers.keys():
        assert bodies[name] == answers[name], f"{name} is taken and given, but differs"
    return bodies | answers | NAMED


def _operation(call: Documented, problems: dict[str, Schema]) -> Schema:
    """The call; what it may be refused for is added to `problems`, where others may share it."""
    operation = call.operation
    described: Schema = {
        "summary": operation.summary,
        "description": " ".join(operation.description.split()),
        "operationId": _name(call),
    }
    if parameters := list(_parameters(call)):
        described["parameters"] = parameters
    if operation.body is not None:
        content = {JSON: {"schema": _reference(operation.body.__name__)}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    described["responses"] = dict([*_answers(call), *_refusals(call, problems)])
    if call.secured:
        described["security"] = [{"accessToken": []}]
    return described


def _name(call: Documented) -> str:
    """`POST /match/request` is `post_match_request`."""
    words = re.findall(r"\w+", call.path.removeprefix("/api/v1"))
    return "_".join([call.method.lower(), *words])


def _parameters(call: Documented) -> Iterator[Schema]:
    for name in _PLACE.findall(call.path):
        uuid = {"type": "string", "format": "uuid"}
        yield {"name": name, "in": "path", "required": True, "schema": uuid}
    if call.operation.query is not None:
        schemas = components([call.operation.query], REFERENCE, written=False)
        properties: dict[str, Schema] = schemas[call.operation.query.__name__]["properties"]
        for name, part in properties.items():
            yield {"name": name, "in": "query", "required": False, "schema": part}
    if call.operation.idempotent:
        yield IDEMPOTENCY_KEY


def _answers(call: Documented) -> Iterator[tuple[str, Schema]]:
    operation = call.operation
    for status, kind in operation.answers.items():
        good = _answer("Done." if kind is None else _first_line(kind), operation.headers)
        if kind is not None:
            good["content"] = {JSON: {"schema": _reference(kind.__name__)}}
        if operation.links:
            good["links"] = {
                name: {"operationId": name, "parameters": parameters}
                for name, parameters in operation.links.items()
            }
        yield str(status), good


def _refusals(call: Documented, problems: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(_problems(call)):
        by_status.setdefault(PROBLEMS[code][0].value, []).append(code)
    for status, codes in sorted(by_status.items()):
        name = ".".join(codes)
        problem = problems[name] = _answer(". ".join(PROBLEMS[code][1] for code in codes) + ".")
        problem["headers"] |= _headers(HEADERS_OF_PROBLEMS.get(status, ()))
        types = {"enum": [f"/problems/{code}" for code in codes]}
        schema = {"allOf": [_reference(Problem.__name__)], "properties": {"type": types}}
        problem["content"] = {MEDIA_TYPE: {"schema": schema}}
        yield str(status), {"$ref": f"#/components/responses/{name}"}


def _problems(call: Documented) -> Iterable[str]:
    operation = call.operation
    return chain(
        call.problems,
        ("not-found",) if _PLACE.search(call.path) else (),
        BODY_PROBLEMS if operation.body is not None else (),
        IDEMPOTENCY_PROBLEMS if operation.idempotent else (),
        operation.problems,
    )


def _answer(description: str, headers: tuple[str, ...] = ()) -> Schema:
    return {"description": description, "headers": _headers(("X-Correlation-Id", *headers))}


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _reference(name: str) -> Schema:
    return {"$ref": REFERENCE.format(name=name)}


def _first_line(kind: Any) -> str:
    text = str(kind.__doc__ or kind.__name__).strip()
    return text.partition("\n")[0].partition(". ")[0].removesuffix(".") + "."
