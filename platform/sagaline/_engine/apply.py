"""Applies a record to the state: all that recovery does, with the appliers that live operation uses."""

from __future__ import annotations

from sagaline._engine.beginning_rows import new_run
from sagaline._engine.emit import Emitter
from sagaline._engine.family import report_refusal
from sagaline._engine.forks import take_copy
from sagaline._engine.held import hold
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tombstones import make_remnant
from sagaline._model.events import RunStarted
from sagaline._model.records import History, Positions, Refusals


def apply_history(state: State, record: History, value: bytes) -> bool:
    """Applies one activation; False when it is already there (a producer's late retry) or does not follow.

    ``value`` is the record as it stands on the topic, kept for replay. A record whose run is not there is a remnant
    of one that is being retired: it is kept until it has its tombstone. A record with an event in a version that
    this code does not know stops its run (``held``).
    """
    newest = state.runs.newest(record.workflow_id)
    run = newest
    if newest is not None and newest.run_id != record.run_id:
        run = state.runs.past(record.workflow_id, record.run_id)
    if run is None:
        run = _begun_with(state, record, newest)
        if run is None:
            _keep_remnant(state, record, value)
            return False
    elif run.closed_at is not None or record.first_event_id < run.next_event_id:
        return False
    if run.held or record.first_event_id > run.next_event_id:
        # held: kept for code that knows more; else what is between has its tombstones: those of the rest will follow
        state.history.put(record.run_id, record.first_event_id, record.epoch, value)
        return False
    if (fork := run.fork) is not None and run.copies:
        if run.is_pending and isinstance(first := record.events[0], RunStarted):
            run = new_run(record.workflow_id, record.run_id, first, record.at)
        take_copy(state, run, fork, record, value)
        return True
    emitter = Emitter(state, run, record.at)
    unknown = emitter.replay(record.events)
    if unknown is not None:
        hold(state, run, f"{type(unknown).__name__} in version {unknown.version}")
        state.history.put(record.run_id, record.first_event_id, record.epoch, value)
        return False
    emitter.finish(record.epoch, record.more, value, record.released)
    return True


def _begun_with(state: State, record: History, before: RunRow | None) -> RunRow | None:
    """The row of the run that begins with a record; None when it is not the first of its run."""
    first = record.events[0] if record.events else None
    if not isinstance(first, RunStarted):
        return None
    if before is not None and not before.closed and not before.held:
        make_remnant(state, before)
    return new_run(record.workflow_id, record.run_id, first, record.at)


def _keep_remnant(state: State, record: History, value: bytes) -> None:
    if state.history.has(record.run_id, record.first_event_id, record.epoch):
        return
    state.history.put(record.run_id, record.first_event_id, record.epoch, value)
    left = state.remnants.left(record.run_id) or 0
    state.remnants.put(record.workflow_id, record.run_id, left + 1)


def apply_refusals(state: State, record: Refusals, number: int) -> None:
    """Applies a record of refusals."""
    state.refusals.put(record.epoch, number, record.at, record.refusals)
    for refusal in record.refusals:
        report_refusal(state, refusal)
    state.outbox.release(record.released)


def apply_positions(state: State, record: Positions, number: int) -> None:
    """Applies a record of positions."""
    state.positions.put(record.epoch, number)
    state.outbox.release(record.released)
