"""The next attempt follows at its time."""

from __future__ import annotations

from sagaline._engine import task_queues
from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow, Watched
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityAttemptFailed
from sagaline._model.failure import Failure
from sagaline._model.limits import SUMMARY_BYTES, cut


def apply(state: State, run: RunRow, event: ActivityAttemptFailed) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is not None:
        failure = Failure(event.failure.type, cut(event.failure.message, SUMMARY_BYTES), event.failure.kind)
        following = ActivityRow(
            run.workflow_id,
            row.scheduled,
            event.attempt + 1,
            event.retry_at,
            failure=failure,
            asked_by=row.asked_by,
            watched=None if row.watched is None else Watched(row.watched.scheduled_at, 0, row.watched.details),
        )
        if row.scheduled.queue:
            task_queues.failed(state, run, row, event.failure)
        state.activities.put(run, following)
        if row.scheduled.queue and event.retry_at <= run.last_at:
            task_queues.dispatch(state, run, following)
