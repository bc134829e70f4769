"""A message to another run has arrived, or was refused: the next one for that run may leave."""

from __future__ import annotations

from sagaline._engine.family import send_next
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import MessageSettled


def apply(state: State, run: RunRow, event: MessageSettled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.receive_again()
    send_next(state, run, event.step)
