"""An attempt of a queue is due: it leaves; or nobody has said what it came to, and it is given up."""

from __future__ import annotations

from sagaline._engine.processors import activity_result
from sagaline._engine.processors.decisions import Decision, TimerDue
from sagaline._engine.state import ReadState
from sagaline._engine.tables.activities import ActivityRow
from sagaline._model.events import ActivityDispatched
from sagaline._model.failure import CANCELLED, TIMEOUT, Failure
from sagaline._model.records import ActivityResult


def process(state: ReadState, timer: TimerDue, row: ActivityRow, now_ms: int) -> Decision:
    """Empty when there is nothing to do yet, or not while the run is paused."""
    if not row.scheduled.queue or not 0 < row.due_at <= now_ms:
        return []
    if row.queued is None:
        run = state.run_by_id(timer.workflow_id, timer.run_id)
        is_paused = run is None or run.paused_at is not None
        return [] if is_paused else [ActivityDispatched(timer.step, row.attempt)]
    given_up = ActivityResult(timer.workflow_id, timer.run_id, timer.step, row.attempt, None, _failure(row))
    return activity_result.process(state, given_up, now_ms)


def _failure(row: ActivityRow) -> Failure:
    scheduled = row.scheduled
    if row.cancel_requested:
        message = f"it was cancelled, and no worker of queue {scheduled.queue!r} has said what it came to"
        return Failure("Cancelled", message, CANCELLED, retryable=False)
    by = "" if row.queued is None or not row.queued.worker else f" by {row.queued.worker}"
    message = (
        f"{scheduled.activity} was begun{by} (attempt {row.attempt}, queue {scheduled.queue!r}) but did not end within "
        f"{scheduled.timeout_ms / 1_000:g} s"
    )
    return Failure("Timeout", message, TIMEOUT)
