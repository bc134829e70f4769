"""The code asks a child to stop: once it is known to run."""

from __future__ import annotations

import msgspec

from sagaline._engine.family import cancel_child
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ChildCancelRequested


def apply(state: State, run: RunRow, event: ChildCancelRequested) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.children.get(run.run_id, event.step)
    if row is None:
        return
    state.children.put(run, event.step, msgspec.structs.replace(row, cancel_reason=event.reason))
    if row.run_id:
        cancel_child(state, run, event.step, row, event.reason)
