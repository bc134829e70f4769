"""The run's code is called no more. Its instance is put away before, and ``undoing.Undoing`` takes its place."""

from __future__ import annotations

from sagaline._model.events import UndoRequested
from sagaline._runtime.bugs import UnknownStep
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: UndoRequested) -> None:
    """Raises UnknownStep: this is the code that is called no more."""
    raise UnknownStep(job)
