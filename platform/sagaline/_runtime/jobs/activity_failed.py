"""An activity has failed for good: the code that waits for it is told."""

from __future__ import annotations

from sagaline._model.events import ActivityFailed
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.steps import outcome_of
from sagaline.errors import ActivityError


def apply(loop: RunLoop, job: ActivityFailed) -> None:
    """Raises ActivityError where the code waits, unless it has stopped waiting."""
    step = loop.table.settle(job, job.step, outcome_of(job.failure))
    if not step.future.done():
        step.future.set_exception(ActivityError(step.activity.name, job.failure))
