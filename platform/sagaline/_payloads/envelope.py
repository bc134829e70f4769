"""The form of a payload that is not plain JSON.

A plain payload is JSON and never begins with a zero byte. An envelope is a zero byte, the length of its header in two
bytes (big-endian), the header as msgpack, and the encoded bytes, unless these are in a blob. So what it is can be read
without a key: codecs, key ids, size, and where the bytes are (docs/schemas.md).
"""

from __future__ import annotations

import re

import msgspec

_MARK = b"\0"
_PLACE = re.compile(r"[0-9a-f]{32}/[0-9a-f]{64}")


class Header(msgspec.Struct, frozen=True, array_like=True):
    """``size``: of the plain payload. ``codecs``: name and key id of each, in the order they were applied.
    ``blob``: run id and SHA-256 of the encoded bytes, or empty."""

    version: int
    size: int
    codecs: tuple[tuple[str, str], ...]
    blob: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Header).decode


def is_sealed(payload: bytes) -> bool:
    """True for an envelope, False for plain JSON."""
    return payload[:1] == _MARK


def write(header: Header, data: bytes) -> bytes:
    """The envelope."""
    head = _encode(header)
    return _MARK + len(head).to_bytes(2, "big") + head + data


def read(payload: bytes) -> tuple[Header, bytes]:
    """Header and encoded bytes; raises ValueError when it is not an envelope."""
    length = int.from_bytes(payload[1:3], "big")
    try:
        header = _decode(payload[3 : 3 + length])
    except msgspec.MsgspecError as error:
        raise ValueError(f"Expected the envelope of a payload but {error}") from error
    if header.version != 1:
        raise ValueError(f"Expected an envelope of version 1 but got {header.version}")
    if header.blob and not _PLACE.fullmatch(header.blob):  # it becomes a path
        raise ValueError("Expected a run id and a digest as the place of a blob")
    return header, payload[3 + length :]
