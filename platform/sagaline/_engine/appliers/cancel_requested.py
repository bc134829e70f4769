"""The run is asked to stop."""

from __future__ import annotations

from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import CancelRequested


def apply(state: WriteState, run: RunRow, event: CancelRequested) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.cancel_requested = True
