"""The run is asked to stop."""

from __future__ import annotations

from sagaline._engine.family import report_message
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import CancelRequested


def apply(state: State, run: RunRow, event: CancelRequested) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.cancel_requested = True
    state.messages.put_command(run, event.request_id, event.sender_id)
    report_message(state, run, event)
