"""Compiles an Avro schema to straight-line Python that encodes a type's attributes and decodes into it.

fastavro walks the schema for every value; code written out for one schema makes the same bytes 2 to 2.5
times faster (docs/decisions/0004) and needs no dicts in between. fastavro stays the reference: it parses the
schemas, reads records of older versions, and tests hold both to the same bytes.
Format: Apache Avro 1.12 specification, "Binary encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

Encoder = Callable[[Any], bytes]
Decoder = Callable[[bytes, int], Any]


class AvroError(ValueError):
    """These bytes are not a value of this schema."""


@lru_cache(maxsize=8192)
def _varint(number: int) -> bytes:
    """Zig-zag variable-length encoding of a 64-bit integer."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


class _Longs(dict[int, bytes]):
    """Varints by number: the small ones are there, any other is made."""

    def __missing__(self, number: int) -> bytes:
        return _varint(number)


_LONGS = _Longs((number, _varint(number)) for number in range(8192))


def _long_tail(data: bytes, position: int, first: int) -> tuple[int, int]:
    """The rest of a varint whose first byte had its high bit set: (still zig-zagged value, next position)."""
    value, shift = first & 0x7F, 7
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise AvroError("Expected a 64-bit number but it has more bytes")


class _Source:
    """Python source under construction: two functions a record, and the tables of the unions after them."""

    def __init__(self, schema: dict[str, Any], types: Mapping[str, type]) -> None:
        self.types = types
        self.lines: list[str] = []
        self.tables: list[str] = []
        self.names = 0
        self.records: dict[str, dict[str, Any]] = {}
        self._collect(schema)
        for name, record in self.records.items():
            self._define(name, record["fields"])

    def _collect(self, schema: Any) -> None:
        if isinstance(schema, list):
            for branch in cast("Sequence[Any]", schema):
                self._collect(branch)
        elif isinstance(schema, dict):
            node = cast("dict[str, Any]", schema)
            if node["type"] == "record":
                self.records[node["name"]] = node
                for field in node["fields"]:
                    self._collect(field["type"])
            elif node["type"] == "array":
                self._collect(node["items"])

    def _define(self, name: str, fields: list[dict[str, Any]]) -> None:
        self.add(0, f"def encode_{name}(value, add):")
        for field in fields:
            _encode(self, 1, field["type"], f"value.{field['name']}")
        self.add(0, f"def decode_{name}(data, at):")
        found = [_decode(self, 1, field["type"]) for field in fields]
        names, known = [field["name"] for field in fields], _field_names(self.types[name])
        if names != known:  # an older version: what it lacks has the type's default, what is gone is skipped
            found = [f"{name}={value}" for name, value in zip(names, found, strict=True) if name in known]
        self.add(1, f"return types['{name}']({', '.join(found)}), at")

    def add(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def fresh(self) -> str:
        self.names += 1
        return f"v{self.names}"


def _field_names(kind: type) -> list[str]:
    return list(cast("tuple[str, ...]", cast("Any", kind).__struct_fields__))


def _branches(schema: Any) -> list[Any] | None:
    """The branches of a union; None for any other schema."""
    if isinstance(schema, list):
        return cast("list[Any]", schema)  # type: ignore[redundant-cast]  # pyright needs it
    return None


def _kind(schema: Any) -> str:
    if not isinstance(schema, dict):
        return str(schema)
    node = cast("dict[str, Any]", schema)
    return str(node["name"] if node["type"] == "record" else node["type"])


def _encode(src: _Source, depth: int, schema: Any, value: str) -> None:
    """Adds the lines that write ``value``, an expression, as ``schema`` says."""
    branches = _branches(schema)
    if branches is not None:
        _encode_union(src, depth, branches, value)
        return
    kind = _kind(schema)
    if kind in src.records:
        src.add(depth, f"encode_{kind}({value}, add)")
    elif kind in ("string", "bytes"):
        data = src.fresh()
        src.add(depth, f"{data} = {value}.encode()" if kind == "string" else f"{data} = {value}")
        src.add(depth, f"add(long[len({data})]); add({data})")
    elif kind in ("int", "long"):
        src.add(depth, f"add(long[{value}])")
    elif kind == "boolean":
        src.add(depth, f"add(b'\\x01' if {value} else b'\\x00')")
    elif kind == "double":
        src.add(depth, f"add(pack_double({value}))")
    elif kind == "array":
        item = src.fresh()
        src.add(depth, f"if {value}:")
        src.add(depth + 1, f"add(long[len({value})])")
        src.add(depth + 1, f"for {item} in {value}:")
        _encode(src, depth + 2, schema["items"], item)
        src.add(depth, "add(b'\\x00')")
    else:
        raise AvroError(f"Expected a supported Avro type but got {kind}")


def _encode_union(src: _Source, depth: int, branches: list[Any], value: str) -> None:
    if len(branches) == 2 and branches[0] == "null":
        src.add(depth, f"if {value} is None: add(b'\\x00')")
        src.add(depth, "else:")
        src.add(depth + 1, "add(b'\\x02')")
        _encode(src, depth + 1, branches[1], value)
        return
    table, index, encode = src.fresh(), src.fresh(), src.fresh()
    pairs = (f"types['{_kind(b)}']: ({_varint(i)!r}, encode_{_kind(b)})" for i, b in enumerate(branches))
    src.tables.append(f"{table} = {{{', '.join(pairs)}}}")
    src.add(depth, f"{index}, {encode} = {table}[type({value})]")
    src.add(depth, f"add({index}); {encode}({value}, add)")


def _decode(src: _Source, depth: int, schema: Any) -> str:
    """Adds the lines that read one value; returns the variable that holds it."""
    out = src.fresh()
    branches = _branches(schema)
    if branches is not None:
        _decode_union(src, depth, branches, out)
        return out
    kind = _kind(schema)
    if kind in src.records:
        src.add(depth, f"{out}, at = decode_{kind}(data, at)")
    elif kind == "boolean":
        src.add(depth, f"{out} = data[at] == 1; at += 1")
    elif kind == "double":
        src.add(depth, f"{out} = unpack_double(data, at)[0]; at += 8")
    elif kind in ("int", "long"):
        _decode_long(src, depth, out)
    elif kind in ("string", "bytes"):
        _decode_long(src, depth, out)
        src.add(depth, f"if {out} < 0: raise AvroError('Expected a length but it is negative')")
        src.add(depth, f"at += {out}; {out} = data[at - {out}:at]" + (".decode()" if kind == "string" else ""))
    elif kind == "array":
        _decode_array(src, depth, schema["items"], out)
    else:
        raise AvroError(f"Expected a supported Avro type but got {kind}")
    return out


def _decode_long(src: _Source, depth: int, out: str) -> None:
    src.add(depth, f"{out} = data[at]; at += 1")
    src.add(depth, f"if {out} > 127: {out}, at = tail(data, at, {out})")
    src.add(depth, f"{out} = ({out} >> 1) ^ -({out} & 1)")


def _decode_array(src: _Source, depth: int, items: Any, count: str) -> None:
    found, index = src.fresh(), src.fresh()
    src.add(depth, f"{found} = []")
    _decode_long(src, depth, count)
    src.add(depth, f"while {count}:")
    src.add(depth + 1, f"if {count} < 0:")  # a block that begins with its size in bytes
    src.add(depth + 2, f"{count} = -{count}")
    _decode_long(src, depth + 2, index)
    src.add(depth + 1, f"for {index} in range({count}):")
    item = _decode(src, depth + 2, items)
    src.add(depth + 2, f"{found}.append({item})")
    _decode_long(src, depth + 1, count)
    src.add(depth, f"{count} = tuple({found})")


def _decode_union(src: _Source, depth: int, branches: list[Any], out: str) -> None:
    src.add(depth, f"{out} = data[at]; at += 1")
    if len(branches) == 2 and branches[0] == "null":
        src.add(depth, f"if {out} == 0: {out} = None")
        src.add(depth, f"elif {out} == 2:")
        inner = _decode(src, depth + 1, branches[1])
        src.add(depth + 1, f"{out} = {inner}")
        src.add(depth, "else: raise AvroError('Expected branch 0 or 1 of a union')")
        return
    table = src.fresh()
    src.tables.append(f"{table} = ({', '.join(f'decode_{_kind(branch)}' for branch in branches)},)")
    last = 2 * len(branches) - 2
    src.add(depth, f"if {out} & 1 or {out} > {last}: raise AvroError('Expected a known branch of a union')")
    src.add(depth, f"{out}, at = {table}[{out} >> 1](data, at)")


def compile_schema(schema: dict[str, Any], types: Mapping[str, type]) -> tuple[Encoder, Decoder]:
    """Encoder and decoder of a record schema.

    ``types`` maps each record's name to a struct whose fields are those of the newest schema, in its order; an older
    schema decodes into the same type, with the type's defaults for what it lacks. ``encode(value) -> bytes``;
    ``decode(data, start) -> value`` reads to the end of ``data`` and raises :class:`AvroError` when the bytes are not
    exactly one value.
    """
    src = _Source(schema, types)
    scope: dict[str, Any] = {
        "types": types,
        "long": _LONGS,
        "tail": _long_tail,
        "AvroError": AvroError,
        "pack_double": struct.Struct("<d").pack,
        "unpack_double": struct.Struct("<d").unpack_from,
    }
    exec(compile("\n".join(src.lines + src.tables), f"<avro {schema['name']}>", "exec"), scope)
    encode_record, decode_record = scope[f"encode_{schema['name']}"], scope[f"decode_{schema['name']}"]

    def encode(value: Any) -> bytes:
        parts: list[bytes] = []
        encode_record(value, parts.append)
        return b"".join(parts)

    def decode(data: bytes, start: int) -> Any:
        try:
            value, at = decode_record(data, start)
        except (IndexError, UnicodeDecodeError, struct.error) as error:
            raise AvroError(f"Expected a {schema['name']} but the bytes end or break off: {error}") from error
        if at != len(data):
            raise AvroError(f"Expected a {schema['name']} of {len(data)} bytes but it ends at {at}")
        return value

    return encode, decode
