"""What the nodes of a parsed schema are, and how the defaults of a type stand in its bytes."""

from __future__ import annotations

from typing import Any, cast

from sagaline._model.avro.primitives import FALSE_TRUE, varint

_TAIL_FIELDS = 3


def default_tails(fields: list[dict[str, Any]], kind: type) -> dict[int, bytes]:
    """The bytes of the last fields when all of them, three at least, have their defaults, by the first one's index."""
    defaults = default_values(kind)
    tails: dict[int, bytes] = {}
    tail = b""
    for index in range(len(fields) - 1, len(fields) - len(defaults) - 1, -1):
        data = _default_bytes(fields[index]["type"], defaults[fields[index]["name"]])
        if data is None:
            break
        tail = data + tail
        if len(fields) - index >= _TAIL_FIELDS:
            tails[index] = tail
    return tails


def default_values(kind: type) -> dict[str, Any]:
    """The defaults of a type's last fields, by name."""
    struct = cast("Any", kind)
    defaults: tuple[Any, ...] = struct.__struct_defaults__
    return dict(zip(struct.__struct_fields__[-len(defaults) :], defaults, strict=True)) if defaults else {}


def _default_bytes(schema: Any, default: Any) -> bytes | None:
    """A default as it is written; None for one that is not known here."""
    branches = branches_of(schema)
    if branches is not None:
        return b"\0" if default is None and branches[0] == "null" else None
    match kind_of(schema), default:
        case "string", str():
            return varint(len(default.encode())) + default.encode()
        case "bytes", bytes():
            return varint(len(default)) + default
        case "boolean", bool():
            return FALSE_TRUE[default]
        case "int" | "long", int():
            return varint(default)
        case "array", ():
            return b"\0"
        case _:
            return None


def branches_of(schema: Any) -> list[Any] | None:
    """The branches of a union; None for any other schema."""
    if isinstance(schema, list):
        return cast("list[Any]", schema)  # type: ignore[redundant-cast]  # pyright needs it
    return None


def kind_of(schema: Any) -> str:
    if not isinstance(schema, dict):
        return str(schema)
    node = cast("dict[str, Any]", schema)
    return str(node["name"] if node["type"] == "record" else node["type"])
