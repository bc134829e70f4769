"""A person says what becomes of an activity that has failed for good and is parked."""

from __future__ import annotations

from sagaline._engine.processors.addressed import recipient
from sagaline._engine.processors.decisions import Decision, Rejected, rejected
from sagaline._engine.state import ReadState
from sagaline._engine.tables.activities import ActivityRow
from sagaline._model.activities import ACTIONS, DONE, EDIT, SKIP
from sagaline._model.events import ActivityCompleted, ActivityFailed, ActivityRepaired
from sagaline._model.failure import Failure
from sagaline._model.limits import cut
from sagaline._model.records import RepairActivity


def process(state: ReadState, request: RepairActivity, now_ms: int) -> Decision:
    """Nothing for a request that has been done, whatever has become of the step since; rejected when the step is not
    parked. Its outcome, if the action is one, is in the same record."""
    run = recipient(state, request)
    if run is None:
        return []
    if isinstance(run, Rejected):
        return run
    step, action = request.step, request.action
    if action not in ACTIONS:
        message = f"Expected one of {', '.join(ACTIONS)} as action but got {cut(action, 100)!r}."
        return rejected(request.request_id, request.workflow_id, "UnknownAction", message)
    row = state.activity(run.run_id, step)
    if row is None or not row.parked_at:
        why = "that is not a step which it waits for" if row is None else f"{row.scheduled.activity} is attempted"
        message = f"Expected a parked step of {request.workflow_id!r} but got step {step}: {why}."
        return rejected(request.request_id, request.workflow_id, "NotParked", message)
    payload = request.payload if action == EDIT else b""
    repaired = ActivityRepaired(step, action, payload, request.request_id, request.reason, request.by)
    if action == DONE:
        return [repaired, ActivityCompleted(step, row.attempt, request.payload or b"null")]
    return [repaired, _skipped(row, request)] if action == SKIP else [repaired]


def _skipped(row: ActivityRow, request: RepairActivity) -> ActivityCompleted | ActivityFailed:
    """A compensation counts as done; of any other step a person says that it has no effect."""
    scheduled = row.scheduled
    if scheduled.compensates is not None:
        return ActivityCompleted(scheduled.step, row.attempt, b"null")
    message = f"{request.by} has skipped it: {request.reason}"
    return ActivityFailed(
        scheduled.step, row.attempt, Failure("Skipped", cut(message), retryable=False, clean=True, cause=row.failure)
    )
