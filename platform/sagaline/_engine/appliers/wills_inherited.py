"""A run has what the one before has left for when all of the chain has ended: its own history says so, for that of the
one before may be gone."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.wills import inherit_will
from sagaline._model.wills import WillsInherited


def apply(state: State, run: RunRow, event: WillsInherited) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.wills = 0
    for will in event.wills:
        inherit_will(state, run, will)
