"""A child is running. If the code has asked it to stop meanwhile, it is told now: not before it was there."""

from __future__ import annotations

import msgspec

from sagaline._engine.family import cancel_child
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ChildBegan


def apply(state: State, run: RunRow, event: ChildBegan) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.receive_again()
    row = state.children.get(run.run_id, event.step)
    if row is None:
        return
    row = msgspec.structs.replace(row, run_id=event.run_id)
    state.children.put(run, event.step, row)
    if row.cancel_reason is not None:
        cancel_child(state, run, event.step, row, row.cancel_reason)
