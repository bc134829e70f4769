"""The run stands still."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.activities import HoldActivities
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunPaused


def apply(state: State, run: RunRow, event: RunPaused) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.paused_at = run.last_at
    run.pause_reason, run.paused_by = event.reason, event.by
    state.messages.put_command(run, event.request_id)
    state.changes.call_for(HoldActivities(run.run_id))
