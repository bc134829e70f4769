"""The run was ended from outside."""

from __future__ import annotations

from sagaline._engine.replies import close_run
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunTerminated
from sagaline._model.failure import CANCELLED as CANCELLED_KIND
from sagaline._model.failure import Failure
from sagaline._model.records import TERMINATED


def apply(state: State, run: RunRow, event: RunTerminated) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.failure = Failure("Terminated", event.reason, CANCELLED_KIND)
    run.ended_by = event.request_id
    state.messages.put_command(run, event.request_id)
    close_run(state, run, TERMINATED)
