"""A child has ended, or was refused."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ChildEnded


def apply(state: State, run: RunRow, event: ChildEnded) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.receive_again()
    state.children.drop(run, event.step)
