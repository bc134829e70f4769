"""Runs whose code does not let the event loop go on: how they are parked."""

from __future__ import annotations

from sagaline._engine.tables.runs import RunView
from sagaline._model.failure import BUG, Failure
from sagaline._runtime.bugs import WorkflowBug

STALLED = "Stalled"
"""Type of the failure. A run that is parked with it is taken up when a person says so, and not by itself: that would
make every worker stand still that claims its partition."""


def stalled(stack: str) -> WorkflowBug:
    """The reason to park a run whose code was interrupted, or made a worker give up; ``stack`` is where it was."""
    message = (
        "Expected code that lets the event loop go on but it blocked it for too long: a loop without end, or a call "
        "that takes long or waits. Move that into an activity (an ordinary function runs in a thread); then retry it."
    )
    return WorkflowBug(Failure(STALLED, message, BUG, stack, retryable=False), "stalled")


def is_stalled(run: RunView) -> bool:
    """True of a run that is parked for it."""
    return run.failure is not None and run.failure.type == STALLED
