"""The run was ended by a start of the same workflow id."""

from __future__ import annotations

from sagaline._engine.replies import close_run
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunReplaced
from sagaline._model.failure import CANCELLED as CANCELLED_KIND
from sagaline._model.failure import Failure
from sagaline._model.records import TERMINATED


def apply(state: State, run: RunRow, event: RunReplaced) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    message = f"Replaced by run {event.by} of the same workflow id."
    run.failure = Failure("Replaced", message, CANCELLED_KIND, retryable=False)
    run.ended_by = event.request_id
    close_run(state, run, TERMINATED)
