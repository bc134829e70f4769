"""The run waits for attention."""

from __future__ import annotations

from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import RunParked
from sagaline._model.records import PARKED


def apply(state: WriteState, run: RunRow, event: RunParked) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    if run.status != PARKED:  # parked again for another reason: it waits since the first
        run.parked_at = run.last_at
    run.status = PARKED
    run.failure = event.failure
