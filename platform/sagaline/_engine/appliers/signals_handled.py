"""The code has begun to handle signals."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import SignalsHandled


def apply(state: State, run: RunRow, event: SignalsHandled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    for number in event.numbers:
        state.signals.drop(run, number)
