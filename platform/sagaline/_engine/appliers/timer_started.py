"""A timer runs."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import TimerStarted


def apply(state: State, run: RunRow, event: TimerStarted) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.waits.put(run, event.step, event.due_at)
