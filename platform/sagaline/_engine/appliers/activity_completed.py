"""An activity is done."""

from __future__ import annotations

from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import ActivityCompleted


def apply(state: WriteState, run: RunRow, event: ActivityCompleted) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activity(run.run_id, event.step)
    if row is not None:
        state.drop_activity(run, row)
