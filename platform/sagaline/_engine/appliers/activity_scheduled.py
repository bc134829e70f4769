"""An activity is to be attempted."""

from __future__ import annotations

from sagaline._engine.rows import ActivityRow, RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import ActivityScheduled


def apply(state: WriteState, run: RunRow, event: ActivityScheduled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.put_activity(run, ActivityRow(run.workflow_id, event))
