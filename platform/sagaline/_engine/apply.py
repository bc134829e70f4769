"""Applies a record to the state: all that recovery does, with the appliers that live operation uses."""

from __future__ import annotations

from sagaline._engine.emit import Emitter, new_run
from sagaline._engine.state import State
from sagaline._model.events import RunStarted
from sagaline._model.records import History, Refusals


def apply_history(state: State, record: History, value: bytes) -> bool:
    """Applies one activation; False when it is already there or does not follow (a producer's late retry).

    ``value`` is the record as it stands on the topic, kept for replay.
    """
    run = state.run(record.workflow_id)
    first = record.events[0] if record.events else None
    if isinstance(first, RunStarted) and (run is None or (run.closed and run.run_id != record.run_id)):
        run = new_run(record.workflow_id, record.run_id, first, record.at)
    if run is None or run.run_id != record.run_id or run.next_event_id != record.first_event_id or run.closed:
        return False
    emitter = Emitter(state, run, record.at)
    for event in record.events:
        emitter.emit(event)
    emitter.finish(record.more, value, record.released)
    return True


def apply_refusals(state: State, record: Refusals) -> None:
    """Applies a record of refusals."""
    for refusal in record.refusals:
        state.put_refusal(refusal)
    state.release(record.released)
