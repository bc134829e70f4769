"""The run has failed; compensated when all its effects are undone."""

from __future__ import annotations

from sagaline._engine.replies import close_run
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunFailed
from sagaline._model.records import COMPENSATED, FAILED


def apply(state: State, run: RunRow, event: RunFailed) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.failure = event.failure
    close_run(state, run, COMPENSATED if event.rolled_back else FAILED)
