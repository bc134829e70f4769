"""The run waits for attention."""

from __future__ import annotations

from sagaline._engine.outcomes import tell_parked
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import RunParked
from sagaline._model.records import PARKED


def apply(state: State, run: RunRow, event: RunParked) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    if run.status != PARKED:  # parked again for another reason: it waits since the first
        run.parked_at = run.last_at
    run.status = PARKED
    run.failure = event.failure
    tell_parked(state, run, event.failure)
