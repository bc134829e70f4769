"""Somebody outside has said what came of an attempt."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import OutcomeReceived


def apply(state: State, run: RunRow, event: OutcomeReceived) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.messages.put_command(run, event.request_id)
