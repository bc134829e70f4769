"""What the compiled code calls: numbers as bytes and back, and the checks that Python does not make by itself.

Format: Apache Avro 1.12 specification, "Binary encoding".
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from sagaline._model.limits import DEPTH


class AvroError(ValueError):
    """These bytes are not a value of this schema, or this value has no bytes in it."""


UNFIT = (AvroError, AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError, struct.error)
"""What an encoder raises for a value that is not of its schema: it has no checks of its own where Python has them."""
BROKEN = (AvroError, IndexError, OverflowError, RecursionError, ValueError, struct.error)
"""What a decoder raises for bytes that are not of its schema."""


def varint(number: int) -> bytes:
    """Zig-zag variable-length encoding of a 64-bit integer."""
    rest = (number << 1) ^ (number >> 63)
    if 0x3FFF < rest < 0x1FFFFF:  # an offset: written out, for each record has some
        return bytes((rest & 0x7F | 0x80, rest >> 7 & 0x7F | 0x80, rest >> 14))
    if 0x7FFFFFFFF < rest < 0x3FFFFFFFFFF:  # milliseconds since 1970
        high = rest >> 21
        low = (rest & 0x7F | 0x80, rest >> 7 & 0x7F | 0x80, rest >> 14 & 0x7F | 0x80)
        return bytes((*low, high & 0x7F | 0x80, high >> 7 & 0x7F | 0x80, high >> 14))
    out = bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _checked(number: object, bits: int) -> bytes:
    if not isinstance(number, int):
        raise AvroError(f"Expected a number without a fraction but got {type(number).__name__}")
    if number.bit_length() >= bits and number != -1 << (bits - 1):
        raise AvroError(f"Expected a number of {bits} bits but it has {number.bit_length() + 1}")
    return varint(number)


@lru_cache(maxsize=8192)
def _int(number: int) -> bytes:
    return _checked(number, 32)


@lru_cache(maxsize=8192)
def long_bytes(number: int) -> bytes:
    """The number as a varint: times and offsets come several times each, and are large."""
    return _checked(number, 64)


class _Ints(dict[int, bytes]):
    """Varints by number: the small ones are there, any other is made if it has no more than 32 bits."""

    def __missing__(self, number: int) -> bytes:
        return _int(number)


class _Longs(dict[int, bytes]):
    """The same up to 64 bits."""

    def __missing__(self, number: int) -> bytes:
        return long_bytes(number)


INTS = _Ints((number, varint(number)) for number in range(8192))
int_bytes = INTS.__getitem__
LONGS = _Longs(INTS)
FALSE_TRUE = {False: b"\0", True: b"\1"}


SMALL = tuple((byte >> 1) ^ -(byte & 1) for byte in range(128))
"""What a varint of one byte means."""
LENGTHS = tuple(-1 if byte & 0x81 else byte >> 1 for byte in range(256))
"""The length that a first byte says by itself; -1 when it has more bytes, or is none."""


def long_tail(data: bytes, position: int, first: int) -> tuple[int, int]:
    """A varint whose first byte had its high bit set: (the number, next position)."""
    byte = data[position]
    if byte < 0x80:
        value = (first & 0x7F) | byte << 7
        return (value >> 1) ^ -(value & 1), position + 1
    value, shift = (first & 0x7F) | (byte & 0x7F) << 7, 14
    while True:
        position += 1
        byte = data[position]
        if byte < 0x80:
            value |= byte << shift
            if value >> 64:
                raise AvroError("Expected a 64-bit number but it has more bits")
            return (value >> 1) ^ -(value & 1), position + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise AvroError("Expected a 64-bit number but it has more bytes")


def int_tail(data: bytes, position: int, first: int) -> tuple[int, int]:
    """The same for a number of 32 bits."""
    value, position = long_tail(data, position, first)
    if not -(1 << 31) <= value < 1 << 31:
        raise AvroError(f"Expected a number of 32 bits but it has {value.bit_length() + 1}")
    return value, position


def long_length(data: bytes, position: int, first: int) -> tuple[int, int]:
    """A length of more than 63, or one that is none."""
    length, position = long_tail(data, position, first) if first > 0x7F else (-1, position)
    if length < 0:
        raise AvroError("Expected a length but it is negative")
    return length, position


def check_list(value: Any) -> None:
    """Text is a sequence too, but none of ours."""
    if not isinstance(value, tuple | list):
        raise AvroError(f"Expected a tuple but got {type(value).__name__}")


def as_double(value: Any) -> float:
    """A whole number may stand for a fraction when it is the same number."""
    if not isinstance(value, int | float) or float(value) != value:
        raise AvroError(f"Expected a fraction but got {type(value).__name__}")
    return value


def refuse_depth() -> None:
    """A record within itself is too deep for code that recurses."""
    raise AvroError(f"Expected records at most {DEPTH} deep but they are deeper")
