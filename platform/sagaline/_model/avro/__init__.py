"""Compiles an Avro schema to straight-line Python that encodes a type's attributes and decodes into it.

fastavro walks the schema for every value; code written out for one schema makes the same bytes 2 to 2.5
times faster (docs/decisions/0004) and needs no dicts in between. fastavro stays the reference: it parses the
schemas, and tests hold both to the same bytes and to the same refusals.

What an encoder takes its decoder reads as an equal value; anything else it refuses: numbers beyond 32 or 64 bits, text
that is not Unicode, other types. Records nest at most ``limits.DEPTH`` deep, on either way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from sagaline._model.avro.primitives import (
    BROKEN,
    FALSE_TRUE,
    INTS,
    LENGTHS,
    LONGS,
    SMALL,
    UNFIT,
    AvroError,
    as_double,
    check_list,
    int_bytes,
    int_tail,
    long_bytes,
    long_length,
    long_tail,
    refuse_depth,
)
from sagaline._model.avro.source import Source

__all__ = ["BROKEN", "UNFIT", "AvroError", "Decoder", "Encoder", "compile_schema"]

_CACHED = 256
"""Records within records whose bytes are kept, such as retry policies."""
Encoder = Callable[[Any], bytes]
Decoder = Callable[[bytes, int], Any]


def compile_schema(
    schema: dict[str, Any], types: Mapping[str, type], header: bytes = b"", wide_ints: bool = False
) -> tuple[Encoder, Decoder]:
    """Encoder and decoder of a record schema.

    ``types`` maps each record's name to a struct whose fields are those of the newest schema, in its order; an older
    schema decodes into the same type, with the type's defaults for what it lacks. ``encode(value) -> bytes`` puts
    ``header`` before them, and raises one of ``UNFIT`` when the value is not of the schema; ``decode(data, start) ->
    value`` reads to the end of ``data`` and raises one of ``BROKEN`` when the bytes are not exactly one value.
    ``wide_ints``: decoding takes up to 64 bits for numbers of 32.
    """
    source = Source(schema, types)
    scope: dict[str, Any] = {f"new_{name}": types[name] for name in source.records} | {
        "types": types,
        "ints": INTS,
        "int_bytes": int_bytes,
        "lengths": LENGTHS,
        "longs": LONGS,
        "long": long_bytes,
        "false_true": FALSE_TRUE,
        "as_double": as_double,
        "check_list": check_list,
        "refuse_depth": refuse_depth,
        "small": SMALL,
        "long_tail": long_tail,
        "int_tail": long_tail if wide_ints else int_tail,
        "long_length": long_length,
        "AvroError": AvroError,
        "cached": lru_cache(maxsize=_CACHED),
        "pack_double": struct.Struct("<d").pack,
        "unpack_double": struct.Struct("<d").unpack_from,
    }
    exec(compile("\n".join(source.lines + source.tables), f"<avro {schema['name']}>", "exec"), scope)
    encode_record, decode_record = scope[f"encode_{schema['name']}"], scope[f"decode_{schema['name']}"]

    def encode(value: Any) -> bytes:
        parts: list[bytes] = []
        encode_record(value, parts.extend, header)
        return b"".join(parts)

    def decode(data: bytes, start: int) -> Any:
        value, at = decode_record(data, start)
        if at != len(data):
            raise AvroError(f"Expected a {schema['name']} of {len(data)} bytes but it ends at {at}")
        return value

    return encode, decode
