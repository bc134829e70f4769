"""A child has ended: whoever waits for it goes on, with its result or a ChildError."""

from __future__ import annotations

from sagaline._model.events import ChildEnded
from sagaline._runtime.bugs import UnknownStep
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: ChildEnded) -> None:
    """Raises UnknownStep when the code never asked for it, or it has ended before."""
    child = loop.table.children.pop(job.step, None)
    if child is None:
        raise UnknownStep(job)
    child.end(job)
