"""The run's code has changed its search attributes."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.attributes import AttributesRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import SearchAttributesChanged


def apply(state: State, run: RunRow, event: SearchAttributesChanged) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.attributes.put(run.run_id, AttributesRow(state.attributes.of(run.run_id).memo, event.search_attributes))
