"""The run's time is over: it is asked to stop."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tables.waits import DEADLINE
from sagaline._model.events import RunTimedOut


def apply(state: State, run: RunRow, event: RunTimedOut) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.waits.drop(run, DEADLINE)
    run.cancel_requested = True
