"""JSON schemas of structs for the contracts: of every object they say all it may hold."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct

Schema = dict[str, Any]


def components(kinds: Sequence[Any], references: str, *, written: bool) -> dict[str, Schema]:
    """The schemas of these types and of all they are made of, by name.

    `references` is where they will stand ("#/components/schemas/{name}"). What we write ourselves
    (`written`) always has every field, unless its struct leaves some out; of what others wrote,
    perhaps with an older version, only fields without a default are required.
    """
    _, schemas = msgspec.json.schema_components(kinds, ref_template=references)
    structs = {kind.__name__: kind for kind in _structs(kinds)}
    for name, schema in schemas.items():
        if name in structs:
            schema["required"] = list(_required(structs[name], schema, written))
        _tidy(schema)
    return schemas


def schema_of(kind: Any, references: str) -> Schema:
    """The schema of one type; what it is made of is among the `components`."""
    [schema], _ = msgspec.json.schema_components([kind], ref_template=references)
    _tidy(schema)
    return schema


def _required(kind: type[Struct], schema: Schema, written: bool) -> Iterator[str]:
    config = kind.__struct_config__
    if config.tag_field is not None:
        yield config.tag_field
    for field in msgspec.structs.fields(kind):
        # An id that is drawn has a default for whoever makes one; on the wire it always stands.
        drawn = field.default_factory is not msgspec.NODEFAULT
        told = written and field.default is not UNSET and not config.omit_defaults
        if field.required or drawn or told:
            yield field.encode_name


def _tidy(schema: Schema) -> None:
    """Closed, and read alike by JSON Schema draft 07 (AsyncAPI) and 2020-12 (OpenAPI)."""
    schema.pop("title", None)
    if "description" in schema:
        schema["description"] = inspect.cleandoc(schema["description"])
    if "properties" in schema:
        schema["additionalProperties"] = False
    for part in _parts(schema):
        _tidy(part)
    if "prefixItems" in schema:
        first, *others = schema.pop("prefixItems")
        assert all(other == first for other in others), "a list of different things is a struct"
        schema["items"] = first


def _parts(schema: Schema) -> Iterator[Schema]:
    yield from schema.get("properties", {}).values()
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(keyword), dict):
            yield schema[keyword]
    for keyword in ("anyOf", "prefixItems"):
        yield from schema.get(keyword, ())


def _structs(kinds: Iterable[Any]) -> Iterator[type[Struct]]:
    """The struct types within these types."""
    seen: set[int] = set()
    waiting: list[Any] = [*msgspec.inspect.multi_type_info(kinds)]
    while waiting:
        info = waiting.pop()
        if id(info) in seen:
            continue
        seen.add(id(info))
        if isinstance(info, msgspec.inspect.StructType):
            yield info.cls
        if isinstance(info, tuple):
            waiting.extend(info)
        elif isinstance(info, Struct):
            waiting.extend(getattr(info, name) for name in info.__struct_fields__)
