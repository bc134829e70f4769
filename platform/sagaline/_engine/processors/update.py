"""An update for a run: it is accepted once, if the run's validator has nothing against it."""

from __future__ import annotations

from sagaline._engine.processors.addressed import recipient
from sagaline._engine.processors.decisions import Decision, Rejected, rejected
from sagaline._engine.state import ReadState
from sagaline._model.events import UpdateAccepted
from sagaline._model.limits import UPDATES_OPEN
from sagaline._model.records import PARKED, UpdateRun


def process(state: ReadState, request: UpdateRun, now_ms: int) -> Decision:
    """Empty for an update whose id a run of the workflow id has accepted, also when that has ended; the same refusal
    again for a request that was refused. The host asks the validator before it emits the event.

    A parked run takes no updates: its code, and with it the validator, may be what has to be fixed.
    """
    run = recipient(state, request)
    if run is None:
        return []
    if isinstance(run, Rejected):
        return run
    if run.status == PARKED:
        why = run.failure.message if run.failure is not None else "no reason is known"
        message = f"Expected a run that goes on but that of {request.workflow_id!r} is parked: {why}"
        return rejected(request.request_id, request.workflow_id, "RunParked", message)
    if run.updates_open >= UPDATES_OPEN:
        message = (
            f"Expected at most {UPDATES_OPEN:,} updates of {request.workflow_id!r} to be at work but so many are. Ask "
            f"again when some are answered."
        )
        return rejected(request.request_id, request.workflow_id, "TooManyUpdates", message)
    return [UpdateAccepted(request.update_id, request.update, request.input)]
