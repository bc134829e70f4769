"""A client ends a run at once; none of its code runs."""

from __future__ import annotations

from sagaline._engine.processors.addressed import recipient
from sagaline._engine.processors.decisions import Decision, Rejected
from sagaline._engine.state import ReadState
from sagaline._model.events import RunTerminated
from sagaline._model.records import TerminateRun


def process(state: ReadState, request: TerminateRun, now_ms: int) -> Decision:
    """Ends the run, whatever it does. The same request again has the same answer."""
    run = recipient(state, request)
    if run is None:
        return []
    return run if isinstance(run, Rejected) else [RunTerminated(request.request_id, request.reason)]
