"""The run has ended well."""

from __future__ import annotations

from sagaline._engine.replies import close_run
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunCompleted
from sagaline._model.records import COMPLETED


def apply(state: State, run: RunRow, event: RunCompleted) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.result, run.kept_ms = event.result, event.kept_ms
    close_run(state, run, COMPLETED)
