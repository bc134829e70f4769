"""An activity is asked to stop; it stays open until its outcome is known."""

from __future__ import annotations

from sagaline._engine import task_queues
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityCancelRequested


def apply(state: State, run: RunRow, event: ActivityCancelRequested) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is None:
        return
    if row.scheduled.queue:
        task_queues.cancel(state, run, row)
    else:
        state.activities.cancel(run, row)
