"""Children of runs that have not ended, by run and step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sagaline._engine.changes import Changes
from sagaline._engine.tables.runs import RunRow

PREFIX = b"k/"


class ChildRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A child that has not ended. ``run_id`` is empty until it is known to run."""

    child_id: str
    workflow: str
    parent_close: str
    run_id: str = ""
    cancel_reason: str | None = None
    asked_by: str = ""  # the run that asked for it, if that is another: one whose history this run has copied


class OpenChild(NamedTuple):
    """A child that a run waits for."""

    step: int
    row: ChildRow


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ChildRow).decode


def child_key(run_id: str, step: int) -> bytes:
    """Key of a child that has not ended."""
    return b"k/%b/%08x" % (run_id.encode(), step)


class Children:
    """The run's row counts them among its open steps."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def get(self, run_id: str, step: int) -> ChildRow | None:
        """A child that has not ended."""
        data = self._changes.get(child_key(run_id, step))
        return None if data is None else _decode(data)

    def of(self, run_id: str) -> Iterator[OpenChild]:
        """The children of a run that have not ended, by step."""
        for key, data in self._changes.scan(b"k/%b/" % run_id.encode()):
            yield OpenChild(int(key[-8:], 16), _decode(data))

    def add(self, run: RunRow, step: int, row: ChildRow) -> None:
        """A child was asked for."""
        run.open_steps += 1
        self.put(run, step, row)

    def put(self, run: RunRow, step: int, row: ChildRow) -> None:
        """More is known of a child."""
        self._changes.put(child_key(run.run_id, step), _encode(row))

    def drop(self, run: RunRow, step: int) -> None:
        """A child has ended."""
        key = child_key(run.run_id, step)
        if self._changes.get(key) is not None:
            run.open_steps -= 1
            self._changes.put(key, None)

    def drop_all(self, run: RunRow) -> None:
        """Nobody waits for them any more. The run's count of open steps is the caller's."""
        for step, _ in list(self.of(run.run_id)):
            self._changes.put(child_key(run.run_id, step), None)
