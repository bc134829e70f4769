"""A child is running: whoever waits for its start goes on."""

from __future__ import annotations

from sagaline._model.events import ChildBegan
from sagaline._runtime.bugs import UnknownStep
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: ChildBegan) -> None:
    """Raises UnknownStep when the code never asked for it."""
    child = loop.table.children.get(job.step)
    if child is None:
        raise UnknownStep(job)
    if not child.began.done():
        child.began.set_result(job.run_id)
