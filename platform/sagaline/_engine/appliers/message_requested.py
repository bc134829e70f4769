"""The code asks that another run be told something, perhaps in another partition."""

from __future__ import annotations

from sagaline._engine.family import send_message
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import MessageRequested


def apply(state: State, run: RunRow, event: MessageRequested) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    send_message(state, run, event)
