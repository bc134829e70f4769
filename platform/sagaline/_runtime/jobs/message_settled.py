"""A message to another run has arrived, or was refused."""

from __future__ import annotations

from sagaline._model.events import MessageSettled
from sagaline._runtime.bugs import UnknownStep
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: MessageSettled) -> None:
    """Whoever still waits for it goes on. Raises UnknownStep when the code never asked for it."""
    settled = loop.table.to_others().messages.pop(job.step, None)
    if settled is None:
        raise UnknownStep(job)
    if not settled.done():
        settled.set_result(job.failure)
