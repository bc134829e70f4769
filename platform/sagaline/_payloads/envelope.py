"""The form of a payload that is not plain JSON.

A plain payload is JSON and never begins with a zero byte. An envelope is a zero byte, the length of its header in two
bytes (big-endian), the header as msgpack, and the encoded bytes, unless these are in a blob. So what it is can be read
without a key: codecs, key ids, size, and where the bytes are (docs/schemas.md).
"""

from __future__ import annotations

import re

import msgspec

from sagaline._model.limits import CODEC_NAME_CHARS, CODECS, ENVELOPE_HEADER_BYTES, KEY_ID_CHARS
from sagaline._payloads.places import Place

UNBOUND, BOUND = 1, 2
"""Versions. In version 1 an encrypted payload is not bound to its run and field; it is read, and written no more."""
MARK = b"\0"
_BLOB = re.compile(r"[0-9a-f]{32}/[0-9a-f]{64}")


class Header(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
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
    return payload[:1] == MARK


def write(header: Header, data: bytes) -> bytes:
    """The envelope. Raises ValueError for a header that ``read`` would not take."""
    _check(header)
    head = _encode(header)
    if len(head) > ENVELOPE_HEADER_BYTES:
        raise ValueError(f"Expected a header of at most {ENVELOPE_HEADER_BYTES} bytes but it has {len(head)}")
    return MARK + len(head).to_bytes(2, "big") + head + data


def read(payload: bytes) -> tuple[Header, bytes]:
    """Header and encoded bytes; raises ValueError when it is not an envelope, and nothing else."""
    length = int.from_bytes(payload[1:3], "big")
    if not is_sealed(payload) or not 0 < length <= min(ENVELOPE_HEADER_BYTES, len(payload) - 3):
        raise ValueError("Expected the envelope of a payload but its header has no such length")
    try:
        header = _decode(payload[3 : 3 + length])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"Expected the envelope of a payload but {error}") from error
    _check(header)
    return header, payload[3 + length :]


def _check(header: Header) -> None:
    """The bounds on what a header says. Raises ValueError."""
    names = [name for name, _ in header.codecs]
    if header.version not in (UNBOUND, BOUND):
        raise ValueError(f"Expected an envelope of version {UNBOUND} or {BOUND} but got {header.version}")
    if header.size < 0:
        raise ValueError(f"Expected the size of a payload but got {header.size}")
    if len(names) > CODECS or len(set(names)) < len(names):
        raise ValueError(f"Expected at most {CODECS} codecs, each of them once, but got {len(names)}")
    if any(len(name) > CODEC_NAME_CHARS or len(key) > KEY_ID_CHARS for name, key in header.codecs):
        raise ValueError(
            f"Expected names of at most {CODEC_NAME_CHARS} and key ids of at most {KEY_ID_CHARS} characters"
        )
    if header.blob and not _BLOB.fullmatch(header.blob):  # it becomes a path
        raise ValueError("Expected a run id and a digest as the place of a blob")


def context_of(place: Place, header: Header) -> bytes:
    """What an encrypted payload is bound to: its place, its size and the names of its codecs, as msgpack."""
    if header.version == UNBOUND:
        return b""
    return _encode([header.version, place.run_id, place.field, header.size, [name for name, _ in header.codecs]])
