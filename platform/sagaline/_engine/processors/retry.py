"""A person asks for a parked run to be tried again."""

from __future__ import annotations

from sagaline._engine.processors.addressed import recipient
from sagaline._engine.processors.decisions import Decision, Rejected, rejected
from sagaline._engine.state import ReadState
from sagaline._model.events import RunResumed
from sagaline._model.failure import STEP_PARKED
from sagaline._model.records import PARKED, RetryRun


def process(state: ReadState, request: RetryRun, now_ms: int) -> Decision:
    """The host emits the event with its own name, if the code can follow the run. Nothing for a request that has been
    done, also when the run has parked again or ended since; rejected when the run is not parked."""
    run = recipient(state, request)
    if run is None:
        return []
    if isinstance(run, Rejected):
        return run
    if run.status != PARKED and run.parked_steps:
        message = (
            f"Expected a run of {request.workflow_id!r} that waits for code but it waits for a person: "
            f"{run.failure.message if run.failure else 'a step is parked'}. Say what becomes of that step: "
            f"`sagaline saga retry|edit|done|skip {request.workflow_id}`."
        )
        return rejected(request.request_id, request.workflow_id, STEP_PARKED, message)
    if run.status != PARKED:
        message = f"Expected a parked run of workflow id {request.workflow_id!r} but it is {run.status}."
        return rejected(request.request_id, request.workflow_id, "NotParked", message)
    if run.paused_at is not None:
        message = f"Expected a run of workflow id {request.workflow_id!r} that is not paused: resume it first."
        return rejected(request.request_id, request.workflow_id, "RunPaused", message)
    return [RunResumed("", request.request_id)]
