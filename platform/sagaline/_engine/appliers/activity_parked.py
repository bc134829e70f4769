"""An activity has failed for good and waits for a person."""

from __future__ import annotations

from sagaline._engine.outcomes import tell_parked
from sagaline._engine.parking import park
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityParked


def apply(state: State, run: RunRow, event: ActivityParked) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is not None:
        park(state, run, row, event.failure)
        tell_parked(state, run, event.failure, row)
