"""The code leaves a signal for another run, for when this one has ended."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.wills import leave_will
from sagaline._model.wills import WillLeft


def apply(state: State, run: RunRow, event: WillLeft) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    leave_will(state, run, event)
