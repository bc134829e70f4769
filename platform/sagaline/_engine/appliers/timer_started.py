"""A timer runs."""

from __future__ import annotations

from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import TimerStarted


def apply(state: WriteState, run: RunRow, event: TimerStarted) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.put_wait(run, event.step, event.due_at)
