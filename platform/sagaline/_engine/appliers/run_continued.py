"""The run has ended and goes on as another, whose row is there from now on (``runs.successor``)."""

from __future__ import annotations

from sagaline._engine.family import leave_others
from sagaline._engine.outcomes import tell_resumed
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunContinued
from sagaline._model.records import CONTINUED


def apply(state: State, run: RunRow, event: RunContinued) -> None:
    """Contract: ``run`` is open; the caller writes it, and then that of its successor. Nobody is told of an end."""
    run.status, run.closed_at, run.continued_to = CONTINUED, run.last_at, event.run_id
    if run.parked_steps:
        tell_resumed(state, run)
    leave_others(state, run)
    state.signals.drop_tokens(run)
    if run.wills:
        state.wills.pass_on(run, event.run_id)
    state.close_run(run)
