"""A timer is needed no more."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import TimerCancelled


def apply(state: State, run: RunRow, event: TimerCancelled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.waits.drop(run, event.step)
