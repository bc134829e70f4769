"""Writes Python source for a schema: two functions a record, straight-line code with no walk of the schema in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sagaline._model.avro.nodes import branches_of, default_tails, default_values, kind_of
from sagaline._model.avro.primitives import AvroError, varint
from sagaline._model.limits import DEPTH


class Source:
    """Python source under construction: two functions a record, and the tables of the unions after them."""

    def __init__(self, schema: dict[str, Any], types: Mapping[str, type]) -> None:
        self.types = types
        self.lines: list[str] = []
        self.parts: list[str] = []
        """Expressions of bytes that follow each other: one call writes all of them."""
        self.tables: list[str] = []
        self.names = 0
        self.inside = ""
        self.records: dict[str, dict[str, Any]] = {}
        self._collect(schema)
        self.recursive = {name for name in self.records if name in _reachable(self.records, name)}
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
        is_recursive = name in self.recursive
        depth = ", depth=1" if is_recursive else ""
        self.inside = name
        self.add(0, f"def encode_{name}(value, extend, before{depth}):")
        if is_recursive:
            self.add(1, f"if depth > {DEPTH}: refuse_depth()")
        names, known = [field["name"] for field in fields], _field_names(self.types[name])
        tails = default_tails(fields, self.types[name]) if names == known else {}
        longest = min(tails, default=len(fields))
        self.parts.append("before")
        for index, field in enumerate(fields):
            if index == longest:  # most values end with their defaults
                self.flush(1)
                defaults = default_values(self.types[name])
                same = " and ".join(f"value.{last} == {defaults[last]!r}" for last in names[index:])
                self.add(1, f"if {same}:")
                self.add(2, f"extend(({tails[index]!r},))")
                self.add(2, "return")
            _encode(self, 1, field["type"], f"value.{field['name']}")
        self.flush(1)
        if not is_recursive:  # few different ones are parts of others, and those often
            self.add(0, "@cached")
            self.add(0, f"def bytes_{name}(value):")
            self.add(1, "parts = []")
            self.add(1, f"encode_{name}(value, parts.extend, b'')")
            self.add(1, "return b''.join(parts)")
        self.add(0, f"def decode_{name}(data, at{depth}):")
        if is_recursive:
            self.add(1, f"if depth > {DEPTH}: refuse_depth()")
        found: list[str] = []
        for index, field in enumerate(fields):
            if index in tails:  # what most values end with is read at once
                size = len(tails[index])
                self.add(1, f"if data.startswith({tails[index]!r}, at):")
                self.add(2, f"return new_{name}({', '.join(found)}), at + {size}")
            found.append(_decode(self, 1, field["type"]))
        if names != known:  # an older version: what it lacks has the type's default, what is gone is skipped
            found = [f"{name}={value}" for name, value in zip(names, found, strict=True) if name in known]
        self.add(1, f"return new_{name}({', '.join(found)}), at")

    def deeper(self, name: str) -> str:
        """The argument that counts how deep a record within itself is."""
        return ", depth + 1" if name in self.recursive and self.inside in self.recursive else ""

    def add(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def flush(self, depth: int) -> None:
        """Adds the line that writes ``parts``."""
        if self.parts:
            self.add(depth, f"extend(({', '.join(self.parts)},))")
            self.parts.clear()

    def fresh(self) -> str:
        self.names += 1
        return f"v{self.names}"


def _reachable(records: dict[str, dict[str, Any]], start: str) -> set[str]:
    """Names of the records that a record can hold, at any depth."""
    reached: set[str] = set()
    waiting: list[Any] = [field["type"] for field in records[start]["fields"]]
    while waiting:
        schema = waiting.pop()
        if (branches := branches_of(schema)) is not None:
            waiting += branches
        elif (kind := kind_of(schema)) == "array":
            waiting.append(schema["items"])
        elif kind in records and kind not in reached:
            reached.add(kind)
            waiting += [field["type"] for field in records[kind]["fields"]]
    return reached


def _field_names(kind: type) -> list[str]:
    return list(cast("tuple[str, ...]", cast("Any", kind).__struct_fields__))


def _encode(src: Source, depth: int, schema: Any, value: str) -> None:
    """Adds what writes ``value``, an expression, as ``schema`` says."""
    branches = branches_of(schema)
    if branches is not None:
        _encode_union(src, depth, branches, value)
        return
    kind = kind_of(schema)
    if kind in src.recursive:
        src.flush(depth)
        src.add(depth, f"encode_{kind}({value}, extend, b''{src.deeper(kind)})")
    elif kind in src.records:
        src.parts.append(f"bytes_{kind}({value})")
    elif kind == "array":
        items, item = src.fresh(), src.fresh()
        src.add(depth, f"{items} = {value}")
        src.add(depth, f"if type({items}) is not tuple: check_list({items})")
        src.parts.append(f"longs[len({items})] if {items} else b''")
        src.flush(depth)
        if kind_of(schema["items"]) == "int":
            src.add(depth, f"extend(map(int_bytes, {items}))")
            src.parts.append("b'\\x00'")
            return
        src.add(depth, f"for {item} in {items}:")
        _encode(src, depth + 1, schema["items"], item)
        src.flush(depth + 1)
        src.parts.append("b'\\x00'")
    else:
        src.parts += _plain(src, kind, value)


def _plain(src: Source, kind: str, value: str) -> list[str]:
    """Expressions whose bytes, one after the other, are a value that is neither a record nor an array."""
    if kind in ("string", "bytes"):
        data = src.fresh()
        return [f"longs[len({data} := {value}{'.encode()' if kind == 'string' else ''})]", data]
    if kind == "int":
        return [f"ints[{value}]"]
    if kind == "long":
        return [f"long({value})"]
    if kind == "boolean":
        return [f"false_true[{value}]"]
    if kind == "double":
        number = src.fresh()
        return [f"pack_double({number} if type({number} := {value}) is float else as_double({number}))"]
    raise AvroError(f"Expected a supported Avro type but got {kind}")


def _encode_union(src: Source, depth: int, branches: list[Any], value: str) -> None:
    if len(branches) == 2 and branches[0] == "null":
        _encode_optional(src, depth, branches[1], value)
        return
    if src.inside in src.recursive:
        raise AvroError("Expected no union of records within a record that can hold itself")
    table, index, encode = src.fresh(), src.fresh(), src.fresh()
    pairs = (f"types['{kind_of(b)}']: ({varint(i)!r}, encode_{kind_of(b)})" for i, b in enumerate(branches))
    src.tables.append(f"{table} = {{{', '.join(pairs)}}}")
    src.flush(depth)
    src.add(depth, f"{index}, {encode} = {table}[type({value})]")
    src.add(depth, f"{encode}({value}, extend, {index})")


def _encode_optional(src: Source, depth: int, schema: Any, value: str) -> None:
    kind, some = kind_of(schema), src.fresh()
    if kind in src.recursive:
        src.flush(depth)
        src.add(depth, f"if ({some} := {value}) is None: extend((b'\\x00',))")
        src.add(depth, f"else: encode_{kind}({some}, extend, b'\\x02'{src.deeper(kind)})")
    elif kind in src.records:
        src.parts.append(f"b'\\x00' if ({some} := {value}) is None else b'\\x02' + bytes_{kind}({some})")
    else:
        rest = " + ".join(_plain(src, kind, some))
        src.parts.append(f"b'\\x00' if ({some} := {value}) is None else b'\\x02' + {rest}")


def _decode(src: Source, depth: int, schema: Any) -> str:
    """Adds the lines that read one value; returns the variable that holds it."""
    out = src.fresh()
    branches = branches_of(schema)
    if branches is not None:
        _decode_union(src, depth, branches, out)
        return out
    kind = kind_of(schema)
    if kind in src.records:
        src.add(depth, f"{out}, at = decode_{kind}(data, at{src.deeper(kind)})")
    elif kind == "boolean":
        src.add(depth, f"{out} = (False, True)[data[at]]; at += 1")
    elif kind == "double":
        src.add(depth, f"{out} = unpack_double(data, at)[0]; at += 8")
    elif kind in ("int", "long"):
        _decode_long(src, depth, out, kind)
    elif kind in ("string", "bytes"):
        src.add(depth, f"{out} = lengths[data[at]]; at += 1")
        src.add(depth, f"if {out} < 0: {out}, at = long_length(data, at, data[at - 1])")
        src.add(depth, f"{out} = data[at:(at := at + {out})]" + (".decode()" if kind == "string" else ""))
    elif kind == "array":
        _decode_array(src, depth, schema["items"], out)
    else:
        raise AvroError(f"Expected a supported Avro type but got {kind}")
    return out


def _decode_long(src: Source, depth: int, out: str, kind: str = "long") -> None:
    src.add(depth, f"{out} = data[at]; at += 1")
    src.add(depth, f"if {out} < 128: {out} = small[{out}]")
    src.add(depth, f"else: {out}, at = {kind}_tail(data, at, {out})")


def _decode_array(src: Source, depth: int, items: Any, count: str) -> None:
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


def _decode_union(src: Source, depth: int, branches: list[Any], out: str) -> None:
    src.add(depth, f"{out} = data[at]; at += 1")
    if len(branches) == 2 and branches[0] == "null":
        src.add(depth, f"if {out} == 0: {out} = None")
        src.add(depth, f"elif {out} == 2:")
        inner = _decode(src, depth + 1, branches[1])
        src.add(depth + 1, f"{out} = {inner}")
        src.add(depth, "else: raise AvroError('Expected branch 0 or 1 of a union')")
        return
    table = src.fresh()
    src.tables.append(f"{table} = ({', '.join(f'decode_{kind_of(branch)}' for branch in branches)},)")
    last = 2 * len(branches) - 2
    src.add(depth, f"if {out} & 1 or {out} > {last}: raise AvroError('Expected a known branch of a union')")
    src.add(depth, f"{out}, at = {table}[{out} >> 1](data, at)")
