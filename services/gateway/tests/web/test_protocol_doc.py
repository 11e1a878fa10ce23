"""docs/protocol.md says what the code does: every frame, field, code, reason and call."""

import ast
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import services.gateway.api.tokens
import services.gateway.realtime
from services.gateway.api.problems import PROBLEMS
from services.gateway.api.routing import CALLS
from services.gateway.realtime import protocol
from services.gateway.realtime.protocol import ClientFrame, CloseCode, ServerFrame
from shared.domain import FeedbackTag, ReportReason, RequestEndReason, SessionEndReason

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "protocol.md").read_text()
STATE_MODULE = (ROOT / "services" / "gateway" / "web" / "parley" / "state.js").read_text()

Sample = dict[str, Any]


def section(title: str) -> str:
    """What stands under a heading, up to the next of its rank or above."""
    [rank] = re.findall(rf"^(#+) {re.escape(title)}$", PAGE, re.MULTILINE)
    after = PAGE.split(f"{rank} {title}\n", 1)[1]
    return re.split(rf"^#{{1,{len(rank)}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def samples(title: str) -> list[Sample]:
    blocks = re.findall(r"```json\n(.*?)```", section(title), re.DOTALL)
    return [json.loads(block) for block in blocks]


def first_cells(title: str) -> list[str]:
    """The first column of a section's table, without its head."""
    rows = re.findall(r"^\| (.*?) \|", section(title), re.MULTILINE)
    return [cell.strip("`") for cell in rows[2:]]


def kinds(union: Any) -> dict[str, Any]:
    return {str(kind.__struct_config__.tag): kind for kind in get_args(union)}


def sampled_fields(title: str) -> dict[str, set[str]]:
    fields: dict[str, set[str]] = {}
    for sample in samples(title):
        fields.setdefault(sample["type"], set()).update(sample.keys() - {"type"})
    return fields


def fields_of(union: Any) -> dict[str, set[str]]:
    return {tag: set(kind.__struct_encode_fields__) for tag, kind in kinds(union).items()}


def told(text: str) -> Sample:
    plain: Sample = json.loads(text)
    return plain


@pytest.mark.parametrize("sample", samples("What a client says"), ids=lambda one: one["type"])
def test_what_a_client_says_is_understood_as_it_stands(sample: Sample) -> None:
    frame = protocol.decode(json.dumps(sample))
    again = told(msgspec.json.encode(frame).decode())
    assert {name: again[name] for name in sample} == sample


@pytest.mark.parametrize("sample", samples("What the server says"), ids=lambda one: one["type"])
def test_what_the_server_says_looks_just_so(sample: Sample) -> None:
    frame = msgspec.json.decode(json.dumps(sample), type=ServerFrame)
    assert told(protocol.encode(frame)) == sample


def test_there_is_a_sample_of_every_frame_with_every_field() -> None:
    assert sampled_fields("What a client says") == fields_of(ClientFrame)
    assert sampled_fields("What the server says") == fields_of(ServerFrame)


def test_the_module_for_front_ends_knows_every_frame_of_the_server() -> None:
    steps = STATE_MODULE.split("const STEPS = {", 1)[1].split("\n};", 1)[0]
    known = re.findall(r'^  "([a-z.]+)":', steps, re.MULTILINE)
    assert sorted(known) == sorted(kinds(ServerFrame))


def test_every_call_is_listed() -> None:
    listed = re.findall(r"^\| `(GET|POST|PATCH|PUT|DELETE) (/\S*)`", section("HTTP"), re.MULTILINE)
    calls = {(method, path) for path, methods in CALLS.items() for method in methods}
    assert set(listed) == calls
    assert len(listed) == len(set(listed))


def test_every_problem_is_listed_with_its_status() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", section("Problems"), re.MULTILINE)
    assert dict(rows) == {code: str(status.value) for code, (status, _) in PROBLEMS.items()}
    assert all(HTTPStatus(int(status)) for _, status in rows)


def test_every_close_code_is_listed() -> None:
    assert sorted(first_cells("Close codes")) == sorted(str(code.value) for code in CloseCode)


def test_every_reason_is_listed() -> None:
    assert sorted(first_cells("How a request ends")) == sorted(RequestEndReason)
    assert sorted(first_cells("How a session ends")) == sorted(SessionEndReason)
    for word in (*FeedbackTag, *ReportReason):
        assert f"`{word}`" in section("HTTP")


def test_every_error_code_is_listed() -> None:
    assert sorted(first_cells("Error codes")) == sorted(codes_said())


def codes_said() -> set[str]:
    """Every code that an `error` frame may carry: what the socket's modules refuse or say."""
    realtime = Path(next(iter(services.gateway.realtime.__path__)))
    tokens = Path(services.gateway.api.tokens.__file__)
    said: set[str] = set()
    for path in (*realtime.glob("*.py"), tokens):
        said.update(codes_in(ast.parse(path.read_text())))
    # What a socket is refused with before it is accepted is a problem, not a frame.
    before_accept = {"foreign-origin", "unknown-subprotocol"}
    # What sessions refuse of `GetState`, the one thing that a socket asks it.
    return (said | {"unknown-user"}) - before_accept


SAYING = ("Refused", "unauthenticated", "_refuse", "problem")


def codes_in(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            code, *message = node.value.elts  # A refusal kept for several places.
            yield from code_like([code]) if len(message) == 1 else ()
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            name = node.func.attr if isinstance(node.func, ast.Attribute) else name
            if name in SAYING:
                yield from code_like(node.args[:1])
            if name == "Error":
                yield from code_like(kw.value for kw in node.keywords if kw.arg == "code")


def code_like(nodes: Iterable[ast.AST]) -> Iterable[str]:
    for node in nodes:
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and re.fullmatch(r"[a-z]+(-[a-z]+)*", text):
            yield text
