"""The run's code is called no more: what its steps have done is undone."""

from __future__ import annotations

from sagaline._engine.parking import tell
from sagaline._engine.state import State
from sagaline._engine.tables.activities import StartActivities
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import UndoRequested
from sagaline._model.records import RUNNING


def apply(state: State, run: RunRow, event: UndoRequested) -> None:
    """Contract: ``run`` is open; the caller writes it. It waits no more for other code, nor for whoever has paused
    it."""
    run.undo = event
    run.status = RUNNING
    tell(state, run)
    if run.paused_at is not None:
        run.paused_at = None
        run.pause_reason = run.paused_by = ""
        if run.open_steps:
            state.changes.call_for(StartActivities(run.run_id))
