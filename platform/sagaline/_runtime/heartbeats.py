"""What a heartbeat says, as JSON: each value by its own type, read back by the type that the reader names."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from sagaline._model.limits import HEARTBEAT_BYTES
from sagaline._runtime.carried import Misfit
from sagaline._runtime.codecs import Codec, codec_of
from sagaline.errors import InvalidInput, PayloadTooLarge

_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_values = msgspec.json.Decoder(tuple[Any, ...]).decode


def encode_details(details: tuple[Any, ...]) -> bytes:
    """The details as a JSON array. Raises InvalidInput for one that is not carried as it is, PayloadTooLarge."""
    try:
        data = b"[" + b",".join(_codec_of(type(detail)).encode(detail) for detail in details) + b"]"
    except Misfit as misfit:
        raise InvalidInput(f"Expected details of a heartbeat that JSON can carry but {misfit.text()}.") from None
    if len(data) > HEARTBEAT_BYTES:
        raise PayloadTooLarge(
            f"Expected details of a heartbeat of at most {HEARTBEAT_BYTES:,} bytes but they have {len(data):,}: store "
            f"the data elsewhere, and say where."
        )
    return data


def decode_details(data: bytes, kind: Any) -> Any:
    """The details as the type: one as itself, several as a tuple of theirs. Raises InvalidInput when they are not."""
    parts = _parts(data)
    try:
        return _codec_of(kind).decode(bytes(parts[0]) if len(parts) == 1 else data)
    except Misfit as misfit:
        raise InvalidInput(f"Expected the details of a heartbeat to be {kind!r} but {misfit.text()}.") from None


def plain_details(data: bytes | None) -> tuple[Any, ...]:
    """The details as values of JSON."""
    return () if data is None else _values(data)


def _codec_of(kind: Any) -> Codec:
    codec: Codec = _cached(kind)
    return codec


_cached: Any = functools.lru_cache(256)(codec_of)
