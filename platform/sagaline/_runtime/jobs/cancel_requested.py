"""Somebody has asked the run to stop: its main task is cancelled."""

from __future__ import annotations

from sagaline._model.events import CancelRequested
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: CancelRequested) -> None:
    """Cancels the main task, unless a saga is undoing its steps: that is shielded."""
    if job.sender_run_id and loop.cancel_reason is not None:
        return  # another run asks too: once is enough
    loop.cancel_reason = job.reason
    loop.cancel_main(job.reason)
