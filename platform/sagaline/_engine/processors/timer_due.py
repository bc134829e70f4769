"""A timer's time has come, or that of the whole run is over."""

from __future__ import annotations

from sagaline._engine.processors import task_due
from sagaline._engine.processors.decisions import Decision, TimerDue
from sagaline._engine.state import ReadState
from sagaline._engine.tables.waits import DEADLINE
from sagaline._model.events import RunTimedOut, TimerFired


def process(state: ReadState, timer: TimerDue, now_ms: int) -> Decision:
    """Empty when it has fired or was cancelled, or by the run's clock is not due yet."""
    due_at = state.wait(timer.run_id, timer.step)
    if due_at is None:
        row = state.activity(timer.run_id, timer.step)
        return [] if row is None else task_due.process(state, timer, row, now_ms)
    if due_at > now_ms:
        return []
    return [RunTimedOut()] if timer.step == DEADLINE else [TimerFired(timer.step)]
