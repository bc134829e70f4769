"""The run was reset: another has begun, with the beginning of its history (``runs.forked``)."""

from __future__ import annotations

from sagaline._engine import task_queues
from sagaline._engine.family import leave_children
from sagaline._engine.outcomes import tell_resumed
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.wills import split_wills
from sagaline._model.events import RunReset
from sagaline._model.failure import CANCELLED as CANCELLED_KIND
from sagaline._model.failure import Failure
from sagaline._model.limits import cut
from sagaline._model.records import PARKED, TERMINATED


def apply(state: State, run: RunRow, event: RunReset) -> None:
    """Contract: ``run`` is open; the caller writes it, and then that of the other. Nobody is told of an end: whoever
    waits for it waits for that of the other. Messages to other runs that have not left never do: the other run sends
    them, or asks for them anew."""
    fork, was_parked = event.fork, run.standing == PARKED
    message = cut(f"Reset by {fork.by or 'somebody'} to event {fork.event_id} of run {fork.run_id}: {fork.reason}")
    run.failure = Failure("Reset", message, CANCELLED_KIND, retryable=False)
    run.status, run.closed_at, run.continued_to = TERMINATED, run.last_at, event.run_id
    run.ended_by = fork.request_id
    if was_parked:
        tell_resumed(state, run, "reset", fork.by, fork.reason)
    leave_children(state, run, event.steps)
    task_queues.leave(state, run)
    if run.wills:
        split_wills(state, run, event)
    state.close_run(run)
