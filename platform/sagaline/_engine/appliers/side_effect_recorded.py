"""A side effect of the run's code has run: its own replay needs that, and nobody else."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import SideEffectRecorded


def apply(state: State, run: RunRow, event: SideEffectRecorded) -> None:
    """Contract: ``run`` is open; the caller writes it."""
