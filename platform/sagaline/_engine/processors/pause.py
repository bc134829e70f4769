"""A person pauses a run, or lets it go on."""

from __future__ import annotations

from sagaline._engine.processors.addressed import recipient
from sagaline._engine.processors.decisions import Decision, Rejected
from sagaline._engine.state import ReadState
from sagaline._model.events import RunPaused, RunUnpaused
from sagaline._model.records import PauseRun, UnpauseRun


def process(state: ReadState, request: PauseRun, now_ms: int) -> Decision:
    """Nothing to record for a run that is paused, nor for the request that has paused it before: asked again after
    somebody has let the run go on, it must not pause it once more."""
    run = recipient(state, request)
    if isinstance(run, Rejected):
        return run
    if run is None or run.paused_at is not None:
        return []
    return [RunPaused(request.request_id, request.reason, request.by)]


def process_unpause(state: ReadState, request: UnpauseRun, now_ms: int) -> Decision:
    """Nothing to record for a run that is not paused, nor for a request that has ended an earlier pause."""
    run = recipient(state, request)
    if isinstance(run, Rejected):
        return run
    if run is None or run.paused_at is None:
        return []
    return [RunUnpaused(request.request_id, request.reason, request.by)]
