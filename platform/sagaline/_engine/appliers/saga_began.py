"""A part of the run that undoes its own steps has begun: that is for the code, and for readers."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import SagaBegan


def apply(state: State, run: RunRow, event: SagaBegan) -> None:
    """Contract: ``run`` is open; the caller writes it."""
