"""An activity is asked to stop; it stays open until its outcome is known."""

from __future__ import annotations

import msgspec

from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import ActivityCancelRequested


def apply(state: WriteState, run: RunRow, event: ActivityCancelRequested) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activity(run.run_id, event.step)
    if row is not None:
        state.cancel_activity(run, msgspec.structs.replace(row, cancel_requested=True))
