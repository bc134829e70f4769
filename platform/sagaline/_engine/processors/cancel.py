"""A client, or another run, asks a run to stop; its code rolls back."""

from __future__ import annotations

from sagaline._engine.processors.addressed import recipient
from sagaline._engine.processors.decisions import Decision, Rejected
from sagaline._engine.state import ReadState
from sagaline._model.events import CancelRequested
from sagaline._model.records import CancelRun


def process(state: ReadState, request: CancelRun, now_ms: int) -> Decision:
    """Once is enough: another request adds nothing, but that of another run, which is told of it. One that comes again,
    its answer lost, is known by its id, also when the run has ended as it was asked to, or has gone on as another; one
    that was refused is refused again."""
    run = recipient(state, request)
    if run is None:
        return []
    if isinstance(run, Rejected):
        return run
    if run.cancel_requested and not request.sender_run_id:
        return []
    sender = (request.sender_id, request.sender_run_id, request.sender_step)
    return [CancelRequested(request.request_id, request.reason, *sender)]
