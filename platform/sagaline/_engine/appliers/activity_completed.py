"""An activity is done."""

from __future__ import annotations

from sagaline._engine import saga_counts
from sagaline._engine.parking import tell
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityCompleted


def apply(state: State, run: RunRow, event: ActivityCompleted) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is not None:
        state.activities.drop(run, row)
        if run.tally is not None and row.scheduled.compensates is not None:
            run.tally.undone += 1
        if row.scheduled.saga is not None or row.scheduled.compensates is not None:
            saga_counts.completed(run, row.scheduled)
        if row.parked_at:
            tell(state, run)
