"""Runs that are retired in part: their beginning has its tombstone, some records wait for theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sagaline._engine.changes import Changes

PREFIX = b"x/"


class RemnantRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many records of a run are left."""

    workflow_id: str
    left: int


class Remnant(NamedTuple):
    """A run that is retired in part."""

    workflow_id: str
    run_id: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RemnantRow).decode


class Remnants:
    """By run id."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def runs(self) -> Iterator[Remnant]:
        """Every run that is retired in part."""
        for key, data in self._changes.scan(PREFIX):
            yield Remnant(_decode(data).workflow_id, key[len(PREFIX) :].decode())

    def left(self, run_id: str) -> int | None:
        """How many records of a run are left; None when it is not retired in part."""
        data = self._changes.get(_key(run_id))
        return None if data is None else _decode(data).left

    def put(self, workflow_id: str, run_id: str, left: int) -> None:
        """So many records are left; with none the run is forgotten."""
        key = _key(run_id)
        if left:
            self._changes.put(key, _encode(RemnantRow(workflow_id, left)))
        elif self._changes.get(key) is not None:
            self._changes.put(key, None)


def _key(run_id: str) -> bytes:
    return PREFIX + run_id.encode()
