"""The run goes on."""

from __future__ import annotations

from sagaline._engine.outcomes import tell_resumed
from sagaline._engine.parking import tell
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.activities import RETRY
from sagaline._model.events import RunResumed
from sagaline._model.records import RUNNING


def apply(state: State, run: RunRow, event: RunResumed) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.status = RUNNING
    tell(state, run)
    tell_resumed(state, run, RETRY if event.request_id else "")
    if event.request_id:
        state.messages.put_command(run, event.request_id)
