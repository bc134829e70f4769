"""Runs that go on one as the other without waiting for anything: how an input gets its turn."""

from __future__ import annotations

from sagaline._engine.tables.runs import RunView
from sagaline._model.events import RunParked
from sagaline._model.failure import BUG, Failure
from sagaline._model.records import PARKED

HURRIED = "GoesOnAtOnce"
"""Type of the failure. A run that is parked with it is taken up once that is durable, in a turn of the event loop."""
RUNS_AT_ONCE = 50
"""Runs of a chain that begin and go on before an input of their id is recorded: each takes about a millisecond."""


def hurried() -> RunParked:
    """Parks a run before its code is called, so that the input that waits is recorded."""
    message = (
        f"Expected a run that waits for something before it goes on as another but {RUNS_AT_ONCE} one after the other "
        f"did not, while an input waited. This one is taken up as soon as that is recorded."
    )
    return RunParked("hurried", Failure(HURRIED, message, BUG, retryable=False))


def is_hurried(run: RunView) -> bool:
    """True of a run that is parked for it."""
    return run.status == PARKED and run.failure is not None and run.failure.type == HURRIED
