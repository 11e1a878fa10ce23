"""What the two AsyncAPI documents have in common: messages with their schemas and samples."""

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from shared.schemas import Schema

ROOT: Final = Path(__file__).resolve().parents[1]
SCHEMAS: Final = "#/components/schemas/{name}"
JSON: Final = "application/json"


def tag(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


def samples(directory: Path, pattern: str) -> dict[str, Any]:
    """The golden samples, decoded, by the name of their file."""
    paths = sorted(directory.glob(pattern))
    return {path.stem: msgspec.json.decode(path.read_bytes()) for path in paths}


def message(kind: Any, payload: Schema, examples: dict[str, Any]) -> Schema:
    """A message that is this struct; its docstring says what it means."""
    text = inspect.cleandoc(kind.__doc__ or "")
    summary, _, more = text.partition("\n\n")
    described: Schema = {
        "name": tag(kind),
        "title": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__),
        "summary": " ".join(summary.split()),
        "contentType": JSON,
        "payload": payload,
    }
    if more:
        described["description"] = more
    if examples:
        described["examples"] = [
            {"name": name, "payload": payload} for name, payload in examples.items()
        ]
    return described


def reference(*path: str) -> Schema:
    return {"$ref": "#/" + "/".join(path)}


def in_channel(channel: str, names: Iterable[str]) -> list[Schema]:
    """References to messages where a channel lists them, as operations want them."""
    return [reference("channels", channel, "messages", name) for name in names]


def listed(names: Sequence[str]) -> Schema:
    """The messages of a channel."""
    return {name: reference("components", "messages", name) for name in names}
