"""An activity has failed for good."""

from __future__ import annotations

from sagaline._engine import saga_counts, task_queues
from sagaline._engine.parking import tell
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityFailed


def apply(state: State, run: RunRow, event: ActivityFailed) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is not None:
        if row.scheduled.queue:
            task_queues.failed(state, run, row, event.failure)
        state.activities.drop(run, row)
        if row.scheduled.saga is not None:
            saga_counts.failed(run, row.scheduled, event.failure.clean)
        if row.parked_at:
            tell(state, run)
