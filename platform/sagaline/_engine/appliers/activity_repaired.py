"""A person has looked at a parked activity: it is attempted again, or its outcome follows."""

from __future__ import annotations

from sagaline._engine.outcomes import tell_repaired
from sagaline._engine.parking import attempt_again
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.activities import EDIT, RETRY
from sagaline._model.events import ActivityRepaired


def apply(state: State, run: RunRow, event: ActivityRepaired) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.messages.put_command(run, event.request_id)
    row = state.activities.get(run.run_id, event.step)
    if row is not None and run.tally is not None:
        tell_repaired(state, run, run.tally, row, event)
    if row is not None and event.action in (RETRY, EDIT):
        attempt_again(state, run, row, event.payload if event.action == EDIT else row.scheduled.input)
