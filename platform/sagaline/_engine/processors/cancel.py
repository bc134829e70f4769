"""A client asks a run to stop; its code rolls back."""

from __future__ import annotations

from sagaline._engine.processors.addressed import addressed
from sagaline._engine.processors.decisions import Decision, Rejected
from sagaline._engine.state import ReadState
from sagaline._model.events import CancelRequested
from sagaline._model.records import CancelRun


def process(state: ReadState, request: CancelRun, now_ms: int) -> Decision:
    """Once is enough: another request adds nothing."""
    run = addressed(state, request)
    if isinstance(run, Rejected):
        return run
    return [] if run.cancel_requested else [CancelRequested(request.request_id, request.reason)]
