"""The open run that a command means: by its workflow id, or a certain one when the command has a run id."""

from __future__ import annotations

from sagaline._engine.chains import last_of_chain
from sagaline._engine.processors.decisions import Rejected, rejected
from sagaline._engine.state import ReadState
from sagaline._engine.tables.messages import command_message, update_message
from sagaline._engine.tables.runs import RunView
from sagaline._model.records import RetryRun, RunControl, SignalRun, UpdateRun
from sagaline._model.tokens import PREFIX

NOT_FOUND, ENDED = "WorkflowNotFound", "RunEnded"
RunCommand = RunControl | RetryRun | SignalRun | UpdateRun


def meant(state: ReadState, request: RunCommand) -> RunView | None:
    """The run, open or not; the newest of the workflow id when the command has no run id. One that has gone on as
    another means that one, but not for a token: that is of one run, and the next has others."""
    if isinstance(request, SignalRun) and request.signal.startswith(PREFIX):
        return state.run_by_id(request.workflow_id, request.run_id)
    return last_of_chain(state, request.workflow_id, request.run_id)


def recipient(state: ReadState, request: RunCommand) -> RunView | Rejected | None:
    """The run that a command is for, open and not held. None when a run of the workflow id has received it, whatever
    has become of that run since; the same refusal again for one that was refused.

    Every processor of a command to a run begins with this: whoever has lost the answer asks again by the same id.
    """
    if state.receiver(request.workflow_id, _message_id(request)) is not None:
        return None
    refusal = state.refusal(request.request_id)
    if refusal is not None:
        return Rejected(request.request_id, request.workflow_id, refusal.failure)
    heir = _heir(state, request)
    return addressed(state, request) if heir is None else heir


def _heir(state: ReadState, request: RunCommand) -> RunView | None:
    """The run that waits for a token in the place of one that had ended and was reset. Such a token has the id of the
    run whose history the other has copied."""
    if not isinstance(request, SignalRun) or not request.signal.startswith(PREFIX):
        return None
    forks = state.forks(request.run_id)
    run = state.run_by_id(request.workflow_id, forks[-1]) if forks else None
    return None if run is None or run.closed or run.held else run


def _message_id(request: RunCommand) -> str:
    """The id by which the applier of the command's event notes it."""
    if isinstance(request, SignalRun):
        return request.request_id
    return update_message(request.update_id) if isinstance(request, UpdateRun) else command_message(request.request_id)


def addressed(state: ReadState, request: RunCommand) -> RunView | Rejected:
    """The run, open and not held; or why there is none that the command could mean."""
    workflow_id, run_id = request.workflow_id, request.run_id
    run = meant(state, request)
    which = f"an open run {run_id}" if run_id else "an open run"
    if run is None:
        name, why = NOT_FOUND, "there is none"
    elif run.closed:
        name, why = ENDED, f"it has ended: {run.status}"
    elif run.held:
        name, why = "RunHeld", f"it is held: {run.failure.message if run.failure else run.status}"
    elif run.undo is not None and isinstance(request, SignalRun | UpdateRun):
        name, why = ENDED, "its code is called no more: it is undone"
    else:
        return run
    message = f"Expected {which} of workflow id {workflow_id!r} but {why}."
    return rejected(request.request_id, workflow_id, name, message)
