"""A timer is needed no more."""

from __future__ import annotations

from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import TimerCancelled


def apply(state: WriteState, run: RunRow, event: TimerCancelled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.drop_wait(run, event.step)
