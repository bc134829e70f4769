"""An update is answered."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import UpdateCompleted


def apply(state: State, run: RunRow, event: UpdateCompleted) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    result = event.result if event.failure is None else None
    state.updates.settle(run, event.update_id, result, event.failure)
