"""A timer is over."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import TimerFired


def apply(state: State, run: RunRow, event: TimerFired) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.waits.drop(run, event.step)
