"""The run has stopped as asked."""

from __future__ import annotations

from sagaline._engine.replies import close_run
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunCancelled
from sagaline._model.failure import CANCELLED as CANCELLED_KIND
from sagaline._model.failure import Failure
from sagaline._model.records import CANCELLED


def apply(state: State, run: RunRow, event: RunCancelled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.failure = Failure("Cancelled", event.reason, CANCELLED_KIND)
    close_run(state, run, CANCELLED)
