"""What the code had left for when the run has ended is not sent."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.wills import WillWithdrawn


def apply(state: State, run: RunRow, event: WillWithdrawn) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.wills.drop(run, event.run_id, event.step)
