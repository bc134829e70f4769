"""Rows of a partition as records leave them, without a log or a host."""

from __future__ import annotations

import hashlib

from sagaline._engine.apply import apply_history
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._model.codec import encode
from sagaline._model.events import Event, RunStarted
from sagaline._model.records import History
from sagaline._store.memory import MemoryStore


def run_id(name: str) -> str:
    """An id of the form that run ids have."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def started(workflow: str = "w", input: bytes = b"[]") -> RunStarted:
    """The first event of a run that nobody waits for."""
    return RunStarted(workflow, input, "request", "", 0, "accepted")


class PartitionRows:
    """``state`` is what readers get; ``append`` adds one record of a run."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.state = State(Overlay(self.store), Meta(), cached_runs=0)
        self._writer = State(Overlay(self.store), Meta(), cached_runs=0)
        self._next: dict[str, int] = {}
        self._offset = 0

    def append(self, workflow_id: str, *events: Event, at: int = 1_000) -> bytes:
        """Applies a record of the workflow id's only run; returns the record."""
        first = self._next.get(workflow_id, 1)
        self._next[workflow_id] = first + len(events)
        record = History(0, at, workflow_id, run_id(workflow_id), first, 0, 0, 0, (), False, tuple(events))
        value = encode(record)
        assert apply_history(self._writer, record, value)
        self._writer.write_offset_rows(self._offset)
        self._writer.drain_effects()
        self._offset += 1
        self.store.write(self._writer.drain_writes())
        return value
