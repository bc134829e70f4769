"""An activity has a result: the code that waits for it goes on."""

from __future__ import annotations

from sagaline._model.events import ActivityCompleted
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.steps import COMPLETED


def apply(loop: RunLoop, job: ActivityCompleted) -> None:
    """Sets the result, unless the code has stopped waiting."""
    step = loop.table.settle(job, job.step, COMPLETED, job.result)
    loop.run.payload_bytes += len(job.result)
    if not step.future.done():
        step.future.set_result(step.activity.signature.decode_output(job.result))
