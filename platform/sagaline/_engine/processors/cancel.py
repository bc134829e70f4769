"""A client asks a run to stop; its code rolls back."""

from __future__ import annotations

from sagaline._engine.processors.addressed import addressed
from sagaline._engine.processors.decisions import Decision, Rejected
from sagaline._engine.state import ReadState
from sagaline._engine.tables.messages import cancel_message
from sagaline._model.events import CancelRequested
from sagaline._model.records import CancelRun


def process(state: ReadState, request: CancelRun, now_ms: int) -> Decision:
    """Once is enough: another request adds nothing. One that comes again, its answer lost, is known by its id, also
    when the run has ended as it was asked to, or has gone on as another."""
    if state.receiver(request.workflow_id, cancel_message(request.request_id)) is not None:
        return []
    run = addressed(state, request)
    if isinstance(run, Rejected):
        return run
    return [] if run.cancel_requested else [CancelRequested(request.request_id, request.reason)]
