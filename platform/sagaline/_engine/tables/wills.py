"""Signals that a run leaves behind for when it has ended, by run, and by the run and step that left them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sagaline._engine.changes import Changes
from sagaline._engine.tables.runs import RunRow

PREFIX = b"l/"


class WillRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signal, encoded. ``is_inherited``: a run before this one of the chain has left it."""

    target_id: str
    value: bytes
    is_inherited: bool


class StandingWill(NamedTuple):
    """A will that is to be sent when its run ends. ``run_id``: the run that left it."""

    run_id: str
    step: int
    row: WillRow


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(WillRow).decode


def will_key(run_id: str, left_by: str, step: int) -> bytes:
    """Key of a will that stands."""
    return b"l/%b/%b/%08x" % (run_id.encode(), left_by.encode(), step)


class Wills:
    """The run's row counts them, so that one without any pays nothing when it ends."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def of(self, run_id: str) -> Iterator[StandingWill]:
        """Those of a run."""
        for key, data in self._changes.scan(b"l/%b/" % run_id.encode()):
            _, _, left_by, step = key.split(b"/")
            yield StandingWill(left_by.decode(), int(step, 16), _decode(data))

    def put(self, run: RunRow, left_by: str, step: int, row: WillRow) -> None:
        """One is left."""
        run.wills += 1
        self._changes.put(will_key(run.run_id, left_by, step), _encode(row))

    def drop(self, run: RunRow, left_by: str, step: int) -> None:
        """One is withdrawn, sent, or somebody else's."""
        key = will_key(run.run_id, left_by, step)
        if self._changes.get(key) is not None:
            run.wills -= 1
            self._changes.put(key, None)

    def pass_on(self, run: RunRow, run_id: str) -> None:
        """The run goes on as ``run_id``, whose row takes over the count."""
        for left_by, step, row in list(self.of(run.run_id)):
            self._changes.put(will_key(run.run_id, left_by, step), None)
            heir = msgspec.structs.replace(row, is_inherited=True)
            self._changes.put(will_key(run_id, left_by, step), _encode(heir))

    def drop_all(self, run: RunRow) -> None:
        """They are sent, or the run is retired."""
        for left_by, step, _ in list(self.of(run.run_id)):
            self._changes.put(will_key(run.run_id, left_by, step), None)
        run.wills = 0
