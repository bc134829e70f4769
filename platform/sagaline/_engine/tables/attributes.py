"""Memo and search attributes of runs that have any: beside the run's row, which changes with each record."""

from __future__ import annotations

import msgspec

from sagaline._engine.changes import Changes
from sagaline._model.attributes import SearchAttribute

PREFIX = b"g/"


class AttributesRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``memo`` is as it stands in a record; empty for none."""

    memo: bytes = b""
    search_attributes: tuple[SearchAttribute, ...] = ()


NONE = AttributesRow()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AttributesRow).decode


def attributes_key(run_id: str) -> bytes:
    """Key of a run's row."""
    return PREFIX + run_id.encode()


class Attributes:
    """Rows stay until the run is retired."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def of(self, run_id: str) -> AttributesRow:
        """Those of a run."""
        data = self._changes.get(attributes_key(run_id))
        return NONE if data is None else _decode(data)

    def put(self, run_id: str, row: AttributesRow) -> None:
        """The run has these from now on."""
        self._changes.put(attributes_key(run_id), _encode(row))

    def drop(self, run_id: str) -> None:
        """The run is retired."""
        if self._changes.get(attributes_key(run_id)) is not None:
            self._changes.put(attributes_key(run_id), None)
