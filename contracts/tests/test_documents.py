"""The documents say what the code does, in a form that others can read."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from openapi_spec_validator import validate

import services.gateway.api
from contracts import checking, requests, websocket
from contracts.asyncapi import samples
from contracts.checking import AsyncDocument, Untrue
from contracts.documents import documents
from contracts.events import GOLDEN as EVENTS
from services.gateway.api import routing
from services.gateway.api.operations import operation_of
from services.gateway.api.problems import PROBLEMS
from shared import requests as asked
from shared.messaging import answer_decoder

FRAMES = samples(websocket.GOLDEN, "*.json")
HAPPENED = samples(EVENTS, "*.json")
ASKED = samples(requests.GOLDEN, "*.json")
# Refusals of paths and handshakes, which belong to no call of the contract.
ELSEWHERE = {"method-not-allowed", "unknown-subprotocol", "upgrade-required"}
# A schema with none of these allows every value.
SAYING_WHAT = {"type", "$ref", "enum", "const", "anyOf", "allOf"}


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_document_is_what_the_code_says(path: Path) -> None:
    assert path.read_bytes() == documents()[path], (
        "run `make contracts`, and look at the difference"
    )


def test_openapi_is_valid() -> None:
    validate(checking.http().content)


@pytest.mark.parametrize("document", [checking.websocket(), checking.amqp()], ids=["ws", "amqp"])
def test_asyncapi_holds_together(document: AsyncDocument) -> None:
    """What its schema would find missing; `make contracts-check` asks the official parser."""
    content = document.content
    assert content["asyncapi"] == "3.0.0" and {"title", "version"} <= content["info"].keys()
    for reference in references(content):
        followed: Any = content
        for step in reference.removeprefix("#/").split("/"):
            followed = followed[step]
    for operation in content["operations"].values():
        channel = operation["channel"]["$ref"]
        assert operation["action"] in ("send", "receive")
        assert all(one["$ref"].startswith(f"{channel}/messages/") for one in operation["messages"])
    for name, message in document.messages.items():
        for example in message.get("examples", ()):
            document.check(name, example["payload"])
        if name not in ("Unavailable", "Failed", "Refused"):
            assert message["examples"], f"{name} has no sample"


@pytest.mark.parametrize("name", ["http", "websocket", "amqp"])
def test_no_schema_is_open_ended(name: str) -> None:
    content = copy.deepcopy(getattr(checking, name)().content)
    # A handshake has whatever headers a browser sends.
    for channel in content.get("channels", {}).values():
        channel["bindings"].pop("ws", None)
    for where, schema in objects(content):
        more = schema.get("additionalProperties")
        typed = isinstance(more, dict) and "propertyNames" in schema
        assert more is False or typed, where
        for field, part in schema.get("properties", {}).items():
            assert part.keys() & SAYING_WHAT, f"{where}: {field} may be anything"


def test_every_call_is_in_the_contract_but_the_handshake() -> None:
    undeclared = {
        (path, method)
        for path, methods in routing.paths().items()
        for method, endpoint in methods.items()
        if operation_of(endpoint.answer) is None
    }
    assert undeclared == {("/api/v1/ws", "GET")}


def test_every_problem_belongs_to_a_call() -> None:
    told = set(
        re.findall(r'"/problems/([a-z-]+)"', checking.DOCS.joinpath("openapi.json").read_text())
    )
    assert told == PROBLEMS.keys() - ELSEWHERE


def test_every_code_of_an_error_frame_is_in_the_contract() -> None:
    directory = Path(services.gateway.api.__file__).parents[1] / "realtime"
    source = "".join(path.read_text() for path in directory.glob("*.py"))
    said = set(re.findall(r'(?:Refused|_refuse|unauthenticated)\(\s*"([a-z-]+)"', source))
    said |= set(re.findall(r'code="([a-z-]+)"', source))
    assert "wrong-generation" in said
    assert said <= set(
        checking.websocket().content["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
    )


@pytest.mark.parametrize(("name", "sample"), FRAMES.items(), ids=str)
def test_a_frame_with_a_field_renamed_is_none(name: str, sample: dict[str, Any]) -> None:
    kind = named(checking.websocket(), sample["type"], "@relayed" in name)
    checking.websocket().check(kind, sample)
    for renamed in renamings(sample):
        with pytest.raises(Untrue):
            checking.websocket().check(kind, renamed)


@pytest.mark.parametrize(("name", "sample"), HAPPENED.items(), ids=str)
def test_every_sample_is_an_event_and_none_with_a_field_renamed(
    name: str, sample: dict[str, Any]
) -> None:
    """A change that the oldest sample does not survive breaks whoever listens."""
    checking.check_event(sample["type"], msgspec.json.encode(sample), {})
    for renamed in renamings(sample):
        with pytest.raises(Untrue):
            checking.check_event(sample["type"], msgspec.json.encode(renamed), {})


@pytest.mark.parametrize("kind", get_args(asked.AnyRequest), ids=lambda kind: kind.__name__)
def test_samples_of_requests_and_answers_are_read_for_ever(kind: Any) -> None:
    """Replicas of two versions ask and answer each other while one replaces the other."""
    tag = str(kind.__struct_config__.tag)
    request, answer = ASKED[tag], ASKED[f"{tag}@answer"]
    assert isinstance(asked.decode(msgspec.json.encode(request)), kind)
    answer_decoder(kind).decode(msgspec.json.encode(answer))
    for name, sample in ((kind.__name__, request), (f"{kind.__name__}Answered", answer)):
        checking.amqp().check(name, sample)
        for renamed in renamings(sample) if tag != "state.versions" else ():
            with pytest.raises(Untrue):
                checking.amqp().check(name, renamed)


def test_headers_that_nobody_sets_are_none() -> None:
    lost = msgspec.json.encode(HAPPENED["pool.lost"])
    checking.check_event("pool.lost", lost, {"x-delivery-count": 1})
    with pytest.raises(Untrue):
        checking.check_event("pool.lost", lost, {"x-mood": "good"})
    with pytest.raises(Untrue):
        checking.check_event("pool.eaten", lost, {})


def test_answers_are_those_of_the_contract() -> None:
    def answer(status: int, body: bytes, kind: str = "application/problem+json") -> None:
        checking.http().check_answer("GET", "/api/v1/match/request", status, kind, body)

    problem = {"title": "t", "status": 404, "detail": "d", "correlation_id": None}
    known = {**problem, "type": "/problems/no-request"}
    answer(404, msgspec.json.encode(known))
    for wrong in ({**problem, "type": "/problems/not-blocked"}, {**known, "mood": "good"}):
        with pytest.raises(Untrue):
            answer(404, msgspec.json.encode(wrong))
    with pytest.raises(Untrue, match="not in the contract"):
        answer(409, b"{}")
    with pytest.raises(Untrue):
        answer(404, msgspec.json.encode(known), "text/plain")


def named(document: AsyncDocument, kind: str, is_relayed: bool) -> str:
    """The frames that both sides say have two shapes."""
    told = document.told("tell")
    if kind in told and (is_relayed or kind not in ("chat", "signal")):
        return told[kind]
    [name] = [
        name
        for name, message in document.messages.items()
        if message["name"] == kind and name != told.get(kind)
    ]
    return name


def renamings(sample: Any) -> Iterator[Any]:
    """The sample, each time with one of its fields under another name."""
    for path in paths(sample):
        changed = copy.deepcopy(sample)
        parent = changed
        for step in path[:-1]:
            parent = parent[step]
        parent[f"{path[-1]}_"] = parent.pop(path[-1])
        yield changed


def paths(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield (*before, name)
            yield from paths(one, *before, name)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from paths(one, *before, number)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def objects(value: Any, *where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas of objects, wherever they stand."""
    if isinstance(value, dict):
        if value.get("type") == "object" or ("properties" in value and "allOf" not in value):
            yield "/".join(where), value
        for name, one in value.items():
            if name != "examples":
                yield from objects(one, *where, name)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from objects(one, *where, str(number))
