"""What a run leaves to be undone is kept for its parent, until that is told of its end."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import LedgerReported


def apply(state: State, run: RunRow, event: LedgerReported) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.reported = event
