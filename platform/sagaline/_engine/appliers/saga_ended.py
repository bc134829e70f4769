"""It has ended: that is for the code, and for readers."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import SagaEnded


def apply(state: State, run: RunRow, event: SagaEnded) -> None:
    """Contract: ``run`` is open; the caller writes it."""
