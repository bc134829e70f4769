"""A timer is due: its callback runs."""

from __future__ import annotations

from sagaline._model.events import TimerFired
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: TimerFired) -> None:
    """Makes the timer's callback ready."""
    handle = loop.table.fire_timer(job, job.step)
    loop.reach(handle.when())
    loop.make_ready(handle)
