"""Activities that have failed for good and wait for a person; the run's row tells of the first of them."""

from __future__ import annotations

import msgspec

from sagaline._engine import task_queues
from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow, Watched
from sagaline._engine.tables.runs import RunRow
from sagaline._model.failure import STEP_PARKED, Failure
from sagaline._model.limits import SUMMARY_BYTES, cut
from sagaline._model.records import PARKED


def in_short(failure: Failure) -> Failure:
    """A failure as a row has it, for people who look at the run."""
    return Failure(failure.type, cut(failure.message, SUMMARY_BYTES), failure.kind)


def park(state: State, run: RunRow, row: ActivityRow, failure: Failure) -> None:
    """An activity waits for a person."""
    if row.scheduled.queue:
        task_queues.failed(state, run, row, failure)
    parked = msgspec.structs.replace(
        row, parked_at=run.last_at, retry_at=0, queued=None, watched=None, failure=in_short(failure)
    )
    state.activities.change(run, row, parked)
    run.parked_steps += 1
    if run.status != PARKED and run.parked_steps == 1:
        run.parked_at, run.failure = run.last_at, _why(parked)


def attempt_again(state: State, run: RunRow, row: ActivityRow, payload: bytes) -> None:
    """A person has a parked activity attempted again, with this input."""
    scheduled = msgspec.structs.replace(row.scheduled, input=payload)
    again = msgspec.structs.replace(
        row,
        scheduled=scheduled,
        attempt=row.attempt + 1,
        parked_at=0,
        tried_before=row.attempt,
        watched=Watched(run.last_at) if scheduled.is_timed else None,
    )
    state.activities.put(run, again)
    if scheduled.queue:
        task_queues.dispatch(state, run, again)
    run.parked_steps -= 1
    tell(state, run)


def tell(state: State, run: RunRow) -> None:
    """One is parked no more, or the run for another reason: its row tells of the first that is, or of none."""
    if run.status == PARKED:
        return
    first = None
    if run.parked_steps:
        first = next((one.row for one in state.activities.of(run.run_id) if one.row.parked_at), None)
    run.parked_at = None if first is None else first.parked_at
    run.failure = None if first is None else _why(first)


def _why(row: ActivityRow) -> Failure:
    step, failure = row.scheduled, row.failure or Failure("Unknown", "no reason is on record")
    undone = "" if step.compensates is None else f", which undoes step {step.compensates},"
    message = f"step {step.step}, {step.activity}{undone} has failed for good: {failure.type}: {failure.message}"
    return Failure(STEP_PARKED, cut(message, SUMMARY_BYTES), failure.kind)
