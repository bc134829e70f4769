"""An update is accepted."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.messages import update_message
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import UpdateAccepted


def apply(state: State, run: RunRow, event: UpdateAccepted) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.updates.put(run, event.update_id, event.update)
    state.messages.put(run.workflow_id, run.run_id, update_message(event.update_id))
