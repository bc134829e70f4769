"""The next attempt of an activity of a queue leaves."""

from __future__ import annotations

from sagaline._engine import task_queues
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityDispatched


def apply(state: State, run: RunRow, event: ActivityDispatched) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is not None and row.attempt == event.attempt:
        task_queues.dispatch(state, run, row)
