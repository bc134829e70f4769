"""Closed runs by the time they closed, for retention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sagaline._engine.changes import Changes, Effect
from sagaline._engine.tables.runs import RunRow

PREFIX = b"c/"
NAMES_PREFIX = b"@n/"
"""Names of workflows that have, or had, closed runs: a hint where to look, no part of the state."""


class ClosedRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The rest of what is known of a closed run without its row: its id, and where its last record stands."""

    workflow_id: str
    offset: int


class ClosedRun(NamedTuple):
    """A closed run, and when it closed, or later for one that is kept for longer. ``offset`` is that of its last
    record: its answers have left when that is released."""

    closed_at: int
    workflow_id: str
    run_id: str
    offset: int


class CloseRun(Effect, frozen=True, gc=False):
    """Tell those who wait for the run's end."""

    workflow_id: str
    run_id: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ClosedRow).decode


def _prefix(workflow: str) -> bytes:
    return PREFIX + workflow.encode() + b"\0"


def closed_key(workflow: str, closed_at: int, run_id: str) -> bytes:
    """Key of a closed run; of one workflow they sort by the time they closed."""
    return _prefix(workflow) + b"%016x/%b" % (closed_at, run_id.encode())


def _key(run: RunRow, closed_at: int) -> bytes:
    """A run that is kept for longer stands where one would that closed so much later."""
    return closed_key(run.workflow, closed_at + run.kept_ms, run.run_id)


class ClosedRuns:
    """Several closed runs of one workflow id each have their row."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._known_names: set[str] = set()

    def runs(self, workflow: str, after: bytes = b"") -> Iterator[ClosedRun]:
        """The closed runs of a workflow that are not retired, the oldest first; earlier runs of an id too. With
        ``after``, those behind that key."""
        prefix = _prefix(workflow)
        for key, data in self._changes.scan(prefix, after):
            row = _decode(data)
            rest = key[len(prefix) :]
            yield ClosedRun(int(rest[:16], 16), row.workflow_id, rest[17:].decode(), row.offset)

    def workflows(self) -> list[str]:
        """Names of the workflows that may have closed runs."""
        return [key[len(NAMES_PREFIX) :].decode() for key, _ in self._changes.scan(NAMES_PREFIX)]

    def entries(self, offset: int, run: RunRow) -> Iterator[tuple[bytes, bytes]]:
        """The rows of a run whose last record stands at ``offset``."""
        if run.closed_at is None:
            raise ValueError(f"Expected a closed run but that of {run.workflow_id!r} is {run.status}")
        yield _key(run, run.closed_at), _encode(ClosedRow(run.workflow_id, offset))
        if run.workflow not in self._known_names:
            self._known_names.add(run.workflow)
            yield NAMES_PREFIX + run.workflow.encode(), b""

    def drop(self, run: RunRow) -> None:
        """The run is retired."""
        if run.closed_at is not None:
            self._changes.put(_key(run, run.closed_at), None)
