"""Values of every record, drawn from the schemas; and values that no schema holds."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from hypothesis import strategies as st

from sagaline._model import attributes, events, failure, records
from sagaline._model.wills import Will
from sagaline_schemas import schema_files

NEWEST = {file.name: file.schema for file in schema_files()}
TYPES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        *events.EVENTS,
        *records.RECORDS.values(),
        failure.Failure,
        failure.RetryPolicy,
        events.AttemptLimits,
        events.Fork,
        events.SagaStep,
        events.OutcomeRequest,
        Will,
        records.Refusal,
        attributes.SearchAttribute,
    )
}
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    "string": text,
    "bytes": st.binary(max_size=20),
    "int": st.one_of(st.integers(-5, 200), st.integers(-(2**31), 2**31 - 1)),
    "long": st.one_of(st.integers(-5, 10_000), st.integers(-(2**63), 2**63 - 1)),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
}
HOSTILE: tuple[Any, ...] = (
    2**31,
    -(2**31) - 1,
    2**63,
    -(2**63) - 1,
    2**2000,
    1.5,
    math.inf,
    True,
    None,
    "text",
    "\ud800",
    b"\xff",
    (),
    ("\udfff",),
    [1, 2],
    "not a tuple",
    {"a": 1},
    object(),
    int,
    events.RunResumed("owner"),
    records.Claim("owner", "claim", 1),
)


def record(name: str) -> st.SearchStrategy[Any]:
    """Values of a record by the name of its schema file."""
    return _of(NEWEST[name], {}, 3)


def _of(schema: Any, named: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if isinstance(schema, list):
        branches = [branch for branch in schema if depth or branch == "null"] or schema
        return st.one_of(*(_of(branch, named, depth) for branch in branches))
    if isinstance(schema, dict) and schema["type"] == "array":
        return st.lists(_of(schema["items"], named, depth), max_size=3).map(tuple)
    if isinstance(schema, dict) and schema["type"] == "record":
        named[schema["name"]] = schema
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind == "null":
        return st.none()
    if kind in SIMPLE:
        return SIMPLE[kind]
    node = schema if isinstance(schema, dict) else named[schema]
    fields = [_of(field["type"], named, depth - 1) for field in node["fields"]]
    return st.builds(TYPES[node["name"]], *fields)


def plain(value: Any) -> Any:
    """A record as the dicts that Avro libraries speak of."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def hinted(value: Any) -> Any:
    """The same with the name of each record that stands in a union, which fastavro would guess otherwise."""
    if isinstance(value, msgspec.Struct):
        fields = {name: hinted(getattr(value, name)) for name in value.__struct_fields__}
        return {"-type": f"io.sagaline.{type(value).__name__}", **fields}
    return [hinted(item) for item in value] if isinstance(value, tuple | list) else value


def places(value: Any) -> list[tuple[Any, ...]]:
    """The paths of all fields and items of a record."""
    inner: list[tuple[Any, Any]]
    if isinstance(value, msgspec.Struct):
        inner = [(name, getattr(value, name)) for name in value.__struct_fields__]
    elif isinstance(value, tuple):
        inner = list(enumerate(value))
    else:
        return []
    return [path for key, item in inner for path in [(key,), *((key, *rest) for rest in places(item))]]


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The record with another value at one place."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, tuple):
        return (*value[:key], with_value(value[key], rest, new), *value[key + 1 :])
    return msgspec.structs.replace(value, **{key: with_value(getattr(value, key), rest, new)})
