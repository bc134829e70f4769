"""A partition's state for tests of the engine: runs are made as an owner makes them, by emitting events."""

from __future__ import annotations

from collections.abc import Sequence

from sagaline._engine.beginning_rows import new_run
from sagaline._engine.emit import Emitter
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._model.codec import encode
from sagaline._model.events import ActivityScheduled, Event, RunStarted
from sagaline._model.failure import RetryPolicy
from sagaline._model.ids import run_id_of
from sagaline._model.records import History, StartRun
from sagaline._store.memory import MemoryStore

EPOCH = 7
NOW = 1_000_000


class Partition:
    """``state`` over ``store``; what is emitted is settled at once, as if it were acknowledged."""

    def __init__(self, cached_runs: int = 10) -> None:
        self.store = MemoryStore()
        self.overlay = Overlay(self.store)
        self.state = State(self.overlay, Meta(), cached_runs)
        self.offset = 0

    def start(self, request: StartRun, *events: Event, at_ms: int = NOW) -> RunView:
        """A run that the request begins."""
        started = RunStarted(
            request.workflow,
            request.input,
            request.request_id,
            request.reply_to,
            request.reply_partition,
            request.reply_when,
        )
        run = new_run(request.workflow_id, run_id_of(request), started, at_ms)
        return self.emit(run, started, *events, at_ms=at_ms)

    def emit(self, run: RunView, *events: Event, at_ms: int = NOW) -> RunView:
        """One activation of a run."""
        emitter = Emitter(self.state, run, at_ms)
        for event in events:
            emitter.emit(event)
        emitter.finish(EPOCH, False, record_of(run, emitter.first_event_id, events, at_ms), 0)
        self.settle()
        found = self.state.run(run.workflow_id)
        assert found is not None
        return found

    def settle(self) -> None:
        """Writes what has changed to the store; effects are dropped."""
        self.state.write_offset_rows(self.offset)
        self.offset += 1
        writes = self.state.drain_writes()
        self.state.drain_effects()
        self.store.write(writes.items())
        self.overlay.settle(writes)

    def rows(self) -> dict[bytes, bytes]:
        """All rows that stand for history."""
        return {key: value for key, value in self.store.rows.items() if not key.startswith(b"@")}


def record_of(run: RunView, first_event_id: int, events: Sequence[Event], at_ms: int = NOW) -> bytes:
    """The record of an activation."""
    record = History(EPOCH, at_ms, run.workflow_id, run.run_id, first_event_id, 0, 0, 0, (), False, tuple(events))
    return encode(record)


def scheduled(step: int, attempts: int = 3, non_retryable: tuple[str, ...] = ()) -> ActivityScheduled:
    """An activity that the code calls."""
    policy = RetryPolicy(1_000, 2.0, 60_000, attempts, non_retryable)
    return ActivityScheduled(step, "charge", b"[]", 10_000, policy)
