"""A signal for a run: it is recorded once, and waits for the run's code.

One of another run may begin the run that it is for (``starts``), where none of its workflow id is open.
"""

from __future__ import annotations

from sagaline._engine.processors.addressed import ENDED, NOT_FOUND, recipient
from sagaline._engine.processors.decisions import Decision, Rejected, rejected
from sagaline._engine.processors.start import started_by
from sagaline._engine.state import ReadState
from sagaline._model.events import SignalReceived
from sagaline._model.limits import SIGNALS_WAITING, SIGNALS_WAITING_BYTES
from sagaline._model.records import SignalRun, StartRun
from sagaline._model.system import why_reserved
from sagaline._model.tokens import PREFIX, message_of


def process(state: ReadState, request: SignalRun, now_ms: int) -> Decision:
    """Empty for a signal that a run of the workflow id has received, also when that has ended; the same refusal again
    for one that was refused. A parked run receives signals and handles them when it goes on."""
    run = recipient(state, request)
    if run is None:
        return []
    if isinstance(run, Rejected):
        if not request.starts or run.failure.type not in (NOT_FOUND, ENDED):
            return run
        if (reserved := why_reserved(request.starts, request.workflow_id)) is not None:
            return rejected(request.request_id, request.workflow_id, "ReservedName", reserved)
        start = StartRun(request.request_id, request.workflow_id, request.starts, b"[]")
        return [started_by(start, now_ms), _received(request)]
    if request.signal.startswith(PREFIX):
        used = state.receiver(request.workflow_id, message_of(run.run_id, request.signal))
        if used is not None:
            message = f"Expected a token that nobody has resolved but this one of {request.workflow_id!r} is used."
            return rejected(request.request_id, request.workflow_id, "TokenUsed", message)
    if run.signals_waiting >= SIGNALS_WAITING or run.signal_bytes + len(request.input) > SIGNALS_WAITING_BYTES:
        message = (
            f"Expected at most {SIGNALS_WAITING:,} signals, of {SIGNALS_WAITING_BYTES:,} bytes, to wait for the run of "
            f"{request.workflow_id!r} but {run.signals_waiting:,} of {run.signal_bytes:,} bytes do: its code does not "
            f"handle them as fast as they come. Send it again later."
        )
        return rejected(request.request_id, request.workflow_id, "TooManySignals", message)
    return [_received(request)]


def _received(request: SignalRun) -> SignalReceived:
    sender = (request.sender_id, request.sender_run_id, request.sender_step)
    return SignalReceived(request.request_id, request.signal, request.input, *sender)
