"""The run stands still no more."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.activities import StartActivities
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunUnpaused


def apply(state: State, run: RunRow, event: RunUnpaused) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.paused_at = None
    run.pause_reason = run.paused_by = ""
    state.messages.put_command(run, event.request_id)
    if run.open_steps:
        state.changes.call_for(StartActivities(run.run_id))
