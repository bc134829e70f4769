"""A part of the run that undoes its own steps has begun: what becomes of the run is told from now on."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import SagaBegan
from sagaline._model.outcomes import Tally


def apply(state: State, run: RunRow, event: SagaBegan) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    if run.tally is None:
        run.tally = Tally(began_at=run.last_at)
