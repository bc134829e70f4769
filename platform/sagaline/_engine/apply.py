"""Applies a record to the state: all that recovery does, with the appliers that live operation uses."""

from __future__ import annotations

from sagaline._engine.emit import Emitter, new_run
from sagaline._engine.state import State
from sagaline._model.events import RunStarted
from sagaline._model.keys import HistoryKey, NumberedKey, parse_key
from sagaline._model.records import History, Positions, Refusals


def apply_history(state: State, record: History, value: bytes) -> bool:
    """Applies one activation; False when it is already there (a producer's late retry) or does not follow.

    ``value`` is the record as it stands on the topic, kept for replay. A record whose run is not there is a remnant
    of one that is being retired: it is kept until it has its tombstone.
    """
    run = state.run(record.workflow_id)
    first = record.events[0] if record.events else None
    if isinstance(first, RunStarted) and run is None:
        run = new_run(record.workflow_id, record.run_id, first, record.at)
    if run is None or run.run_id != record.run_id:
        state.put_remnant(record, value)
        return False
    if run.closed or record.first_event_id < run.next_event_id:
        return False
    if record.first_event_id > run.next_event_id:  # what is between has its tombstones: those of the rest will follow
        state.put_history(record.run_id, record.first_event_id, value)
        return False
    emitter = Emitter(state, run, record.at)
    for event in record.events:
        emitter.emit(event)
    emitter.finish(record.more, value, record.released)
    return True


def apply_refusals(state: State, record: Refusals, number: int) -> None:
    """Applies a record of refusals."""
    state.put_refusals(record.epoch, number, record.at, record.refusals)
    state.release(record.released)


def apply_positions(state: State, record: Positions, number: int) -> None:
    """Applies a record of positions."""
    state.put_positions(record.epoch, number)
    state.release(record.released)


def apply_tombstone(state: State, key: bytes) -> None:
    """Applies a tombstone: what had this key is needed no more."""
    state.drop_invalid(key)
    found = parse_key(key)
    if isinstance(found, HistoryKey):
        state.drop_record(found)
    elif isinstance(found, NumberedKey):
        state.drop_numbered(found)
