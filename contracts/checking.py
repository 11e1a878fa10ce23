"""Whether what went over a wire is what the documents in `docs/` say. Knows no code of ours."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import msgspec
import yaml
from jsonschema_rs import Draft202012Validator

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
JSON: Final = "application/json"


class Untrue(AssertionError):
    """Something was said that the contract does not have."""


class AsyncDocument:
    """Frames or events, by their type and by who says them."""

    def __init__(self, path: Path) -> None:
        self.content: dict[str, Any] = yaml.load(path.read_bytes(), yaml.CSafeLoader)
        self.messages: dict[str, dict[str, Any]] = self.content["components"]["messages"]
        self._validators: dict[tuple[str, str], Draft202012Validator] = {}

    def told(self, operation: str) -> dict[str, str]:
        """The messages of an operation: type → name."""
        references = self.content["operations"][operation]["messages"]
        names = [reference["$ref"].rpartition("/")[2] for reference in references]
        return {self.messages[name]["name"]: name for name in names}

    def check(self, name: str, payload: Any, part: str = "payload") -> None:
        """Raises `Untrue` unless this is the payload (or the headers) of the message `name`."""
        key = (name, part)
        if key not in self._validators:
            schema = self.messages[name][part]
            self._validators[key] = _validator(schema, self.content["components"])
        _raise(f"{part} of {name}", self._validators[key], payload)


class HttpDocument:
    """Calls by method and path, their answers by status."""

    def __init__(self, path: Path) -> None:
        self.content: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        paths = self.content["paths"]
        # What is spelled out goes before what is not: `/users/me` is no `/users/{id}`.
        self._paths = [(_pattern(path), paths[path]) for path in sorted(paths, key=_looseness)]
        self._validators: dict[str, Draft202012Validator] = {}

    def check_answer(self, method: str, path: str, status: int, kind: str, body: bytes) -> None:
        """Raises `Untrue` unless this call may be answered so. Other paths are not looked at."""
        operation = self._operation(method, path)
        if operation is None:
            return
        what = f"{status} of {method} {path}"
        answer = operation["responses"].get(str(status))
        if answer is None:
            raise Untrue(f"{what} is not in the contract")
        answer = self._followed(answer)
        media = answer.get("content", {})
        if not media:
            if body:
                raise Untrue(f"{what} has a body")
            return
        if kind not in media:
            raise Untrue(f"{what} is {kind}")
        schema = media[kind]["schema"]
        key = msgspec.json.encode(schema).decode()
        if key not in self._validators:
            self._validators[key] = _validator(schema, self.content["components"])
        _raise(what, self._validators[key], msgspec.json.decode(body))

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, methods in self._paths:
            if pattern.fullmatch(path):
                found: dict[str, Any] | None = methods.get(method.lower())
                return found
        return None

    def _followed(self, answer: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in answer:
            return answer
        name = answer["$ref"].rpartition("/")[2]
        found: dict[str, Any] = self.content["components"]["responses"][name]
        return found


@cache
def http() -> HttpDocument:
    return HttpDocument(DOCS / "openapi.json")


@cache
def websocket() -> AsyncDocument:
    return AsyncDocument(DOCS / "asyncapi/websocket.yaml")


@cache
def amqp() -> AsyncDocument:
    return AsyncDocument(DOCS / "asyncapi/events.yaml")


def check_frame(frame: Mapping[str, Any]) -> None:
    """Raises `Untrue` unless the server may say this frame."""
    said = _told()
    if frame.get("type") not in said:
        raise Untrue(f"no frame of the server's: {frame.get('type')!r}")
    websocket().check(said[frame["type"]], frame)


@cache
def _told() -> dict[str, str]:
    return websocket().told("tell")


def check_event(kind: str, body: bytes, headers: Mapping[str, Any]) -> None:
    """Raises `Untrue` unless this is an event of that type, with those headers."""
    published = f"publish.{kind}"
    if published not in amqp().content["operations"]:
        raise Untrue(f"no event: {kind!r}")
    name = amqp().told(published)[kind]
    amqp().check(name, msgspec.json.decode(body))
    amqp().check(name, dict(headers), "headers")


def _validator(schema: dict[str, Any], components: dict[str, Any]) -> Draft202012Validator:
    whole = {"allOf": [schema], "components": components}
    return Draft202012Validator(whole, validate_formats=True)


def _raise(what: str, validator: Draft202012Validator, instance: Any) -> None:
    errors = list(_errors(validator, instance))
    if errors:
        raise Untrue(f"{what}: " + "; ".join(errors))


def _errors(validator: Draft202012Validator, instance: Any) -> Iterator[str]:
    for error in validator.iter_errors(instance):
        assert isinstance(error, jsonschema_rs.ValidationError)
        yield f"{error.message} at /{'/'.join(map(str, error.instance_path))}"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


def _looseness(path: str) -> tuple[int, str]:
    return path.count("{"), path
