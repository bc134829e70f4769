"""The next attempt follows at its time."""

from __future__ import annotations

import msgspec

from sagaline._engine import task_queues
from sagaline._engine.parking import in_short
from sagaline._engine.state import State
from sagaline._engine.tables.activities import Watched
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityAttemptFailed


def apply(state: State, run: RunRow, event: ActivityAttemptFailed) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is not None:
        following = msgspec.structs.replace(
            row,
            attempt=event.attempt + 1,
            retry_at=event.retry_at,
            cancel_requested=False,
            queued=None,
            failure=in_short(event.failure),
            watched=None if row.watched is None else Watched(row.watched.scheduled_at, 0, row.watched.details),
        )
        if row.scheduled.queue:
            task_queues.failed(state, run, row, event.failure)
        state.activities.put(run, following)
        if row.scheduled.queue and event.retry_at <= run.last_at:
            task_queues.dispatch(state, run, following)
