"""Applies a record to the state: what live operation and recovery share, and all that recovery does."""

from __future__ import annotations

from sagaline._engine.appliers import APPLIERS
from sagaline._engine.rows import RunRow
from sagaline._engine.state import State
from sagaline._model.events import RunStarted
from sagaline._model.records import RUNNING, History, Refusals

_NEWEST = {event: applier for (event, _), applier in sorted(APPLIERS.items(), key=lambda one: one[0][1])}


def apply_history(state: State, record: History, value: bytes) -> bool:
    """Applies one activation; False when it is already there or does not follow (a producer's late retry).

    ``value`` is the record as it stands on the topic, kept for replay.
    """
    run = state.run(record.workflow_id)
    first = record.events[0] if record.events else None
    if isinstance(first, RunStarted) and (run is None or (run.closed and run.run_id != record.run_id)):
        run = _new_run(record, first)
    if run is None or run.run_id != record.run_id or run.next_event_id != record.first_event_id or run.closed:
        return False
    run.last_at = record.at
    run.more = record.more
    for event in record.events:
        _NEWEST[type(event)](state, run, event)
    run.next_event_id += len(record.events)
    state.put_run(run)
    state.put_history(record.run_id, record.first_event_id, value)
    state.release(record.released)
    return True


def apply_refusals(state: State, record: Refusals) -> None:
    """Applies a record of refusals."""
    for refusal in record.refusals:
        state.put_refusal(refusal)
    state.release(record.released)


def _new_run(record: History, started: RunStarted) -> RunRow:
    return RunRow(
        workflow_id=record.workflow_id,
        run_id=record.run_id,
        workflow=started.workflow,
        request_id=started.request_id,
        reply_to=started.reply_to,
        reply_partition=started.reply_partition,
        reply_when=started.reply_when,
        started_at=record.at,
        last_at=record.at,
        status=RUNNING,
    )
