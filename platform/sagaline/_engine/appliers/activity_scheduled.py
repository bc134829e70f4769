"""An activity is to be attempted."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityScheduled


def apply(state: State, run: RunRow, event: ActivityScheduled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.activities.put(run, ActivityRow(run.workflow_id, event))
