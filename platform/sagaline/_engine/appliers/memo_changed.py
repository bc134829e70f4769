"""The run's code has changed its memo."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.attributes import AttributesRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import MemoChanged


def apply(state: State, run: RunRow, event: MemoChanged) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.attributes.put(run.run_id, AttributesRow(event.memo, state.attributes.of(run.run_id).search_attributes))
