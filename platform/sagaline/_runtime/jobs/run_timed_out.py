"""The run's time is over: its main task is cancelled, and the run will have failed, or been compensated."""

from __future__ import annotations

from sagaline._model.events import RunTimedOut
from sagaline._runtime.run_loop import RunLoop

_REASON = "the run's time is over"


def apply(loop: RunLoop, job: RunTimedOut) -> None:
    """Cancels the main task, unless it has been before, or a saga is undoing its steps: that is shielded."""
    if loop.cancel_reason is not None:
        return
    loop.cancel_reason, loop.run.timed_out = _REASON, True
    loop.cancel_main(_REASON)
