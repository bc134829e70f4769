"""The open run that a command means: by its workflow id, or a certain one when the command has a run id."""

from __future__ import annotations

from sagaline._engine.chains import last_of_chain
from sagaline._engine.processors.decisions import Rejected, rejected
from sagaline._engine.state import ReadState
from sagaline._engine.tables.runs import RunView
from sagaline._model.records import CancelRun, RetryRun, RunControl, SignalRun, UpdateRun

RunCommand = RunControl | RetryRun | SignalRun | UpdateRun


def meant(state: ReadState, request: RunCommand) -> RunView | None:
    """The run, open or not; the newest of the workflow id when the command has no run id. One that has gone on as
    another means that one."""
    return last_of_chain(state, request.workflow_id, request.run_id)


def recipient(
    state: ReadState, request: SignalRun | UpdateRun | CancelRun, message_id: str
) -> RunView | Rejected | None:
    """The run that a message is for. None when a run of the workflow id has received it, also when that has ended; the
    same refusal again for a request that was refused."""
    if state.receiver(request.workflow_id, message_id) is not None:
        return None
    refusal = state.refusal(request.request_id)
    if refusal is not None:
        return Rejected(request.request_id, request.workflow_id, refusal.failure)
    return addressed(state, request)


def addressed(state: ReadState, request: RunCommand) -> RunView | Rejected:
    """The run, open and not held; or why there is none that the command could mean."""
    workflow_id, run_id = request.workflow_id, request.run_id
    run = meant(state, request)
    which = f"an open run {run_id}" if run_id else "an open run"
    if run is None:
        name, why = "WorkflowNotFound", "there is none"
    elif run.closed:
        name, why = "RunEnded", f"it has ended: {run.status}"
    elif run.held:
        name, why = "RunHeld", f"it is held: {run.failure.message if run.failure else run.status}"
    else:
        return run
    message = f"Expected {which} of workflow id {workflow_id!r} but {why}."
    return rejected(request.request_id, workflow_id, name, message)
