"""A run has what the one before may have to undo: its code alone knows what."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import LedgerInherited


def apply(state: State, run: RunRow, event: LedgerInherited) -> None:
    """Contract: ``run`` is open; the caller writes it."""
