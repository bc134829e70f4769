"""Rows of a partition as records leave them, without a log or a host."""

from __future__ import annotations

import hashlib

from sagaline._engine.apply import apply_history, apply_positions
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._engine.tombstones import apply_tombstone, note_invalid
from sagaline._model.codec import encode
from sagaline._model.events import Event, RunStarted
from sagaline._model.records import History, Positions
from sagaline._store.memory import MemoryStore


def run_id(name: str) -> str:
    """An id of the form that run ids have."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def started(workflow: str = "w", input: bytes = b"[]") -> RunStarted:
    """The first event of a run that nobody waits for."""
    return RunStarted(workflow, input, "request", "", 0, "accepted")


class PartitionRows:
    """``state`` is what readers get; ``append`` adds one record of a run, ``delete`` applies a tombstone."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.state = State(Overlay(self.store), Meta(), cached_runs=0)
        self._writer = State(Overlay(self.store), Meta(), cached_runs=0)
        self._next: dict[str, int] = {}
        self.next_offset = 0

    def append(self, workflow_id: str, *events: Event, at: int = 1_000, run: str = "") -> bytes:
        """Applies a record of a run, named ``run`` if it is not the workflow id's only one; returns the record."""
        name = run or workflow_id
        first = self._next.get(name, 1)
        self._next[name] = first + len(events)
        record = History(0, at, workflow_id, run_id(name), first, 0, 0, 0, (), False, tuple(events))
        value = encode(record)
        assert apply_history(self._writer, record, value)
        self._write()
        return value

    def positions(self, epoch: int, number: int) -> None:
        """Applies a record of positions."""
        apply_positions(self._writer, Positions(epoch, 0, 0, 0, 0), number)
        self._write()

    def delete(self, key: bytes) -> None:
        """Applies a tombstone."""
        apply_tombstone(self._writer, key)
        self._write()

    def note_invalid(self, key: bytes) -> None:
        """A zombie's record stands at this key."""
        note_invalid(self._writer, key)
        self._write()

    def _write(self) -> None:
        self._writer.write_offset_rows(self.next_offset)
        self._writer.drain_effects()
        self.store.write(self._writer.drain_writes().items())
        self.next_offset += 1
