"""The run was ended from outside."""

from __future__ import annotations

from sagaline._engine.replies import close_run
from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import RunTerminated
from sagaline._model.failure import CANCELLED as CANCELLED_KIND
from sagaline._model.failure import Failure
from sagaline._model.records import TERMINATED


def apply(state: WriteState, run: RunRow, event: RunTerminated) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.failure = Failure("Terminated", event.reason, CANCELLED_KIND)
    close_run(state, run, TERMINATED)
