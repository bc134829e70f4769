"""A timer is due: its callback runs."""

from __future__ import annotations

from sagaline._model.events import TimerFired
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: TimerFired) -> None:
    """Makes the timer's callback ready."""
    loop.make_ready(loop.table.fire_timer(job, job.step))
