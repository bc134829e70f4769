"""The owner has met a run that must not go on by itself: the engine failed on it, or its code blocked the worker."""

from __future__ import annotations

from sagaline._engine.processors.decisions import Decision, ParkRun
from sagaline._engine.state import ReadState
from sagaline._model.events import RunParked
from sagaline._model.records import PARKED


def process(state: ReadState, request: ParkRun, now_ms: int) -> Decision:
    """Empty when the run is parked for it already, has ended, is held, or has not begun or copied all of its beginning.
    An activation that is not all written goes on when the run is resumed."""
    run = state.run_by_id(request.workflow_id, request.run_id)
    if run is None or run.closed or run.held or run.is_pending or run.copies:
        return []
    if run.status == PARKED and run.failure is not None and run.failure.type == request.failure.type:
        return []
    return [RunParked(request.reason, request.failure)]
