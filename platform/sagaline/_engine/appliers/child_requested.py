"""The code has asked for a child: it is to start, perhaps in another partition."""

from __future__ import annotations

from sagaline._engine.family import start_child
from sagaline._engine.state import State
from sagaline._engine.tables.children import ChildRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ChildRequested


def apply(state: State, run: RunRow, event: ChildRequested) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = ChildRow(event.child_id, event.workflow, event.parent_close, asked_by=run.stands_for)
    state.children.add(run, event.step, row)
    start_child(state, run, event)
