"""What a saga may have to undo goes along with the event that follows: nothing changes yet."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import LedgerCarried


def apply(state: State, run: RunRow, event: LedgerCarried) -> None:
    """Contract: ``run`` is open; the caller writes it."""
