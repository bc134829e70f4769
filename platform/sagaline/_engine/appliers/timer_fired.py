"""A timer is over."""

from __future__ import annotations

from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import TimerFired


def apply(state: WriteState, run: RunRow, event: TimerFired) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.drop_wait(run, event.step)
