"""The run is given a memo and search attributes with its start."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.attributes import AttributesRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import AttributesGiven


def apply(state: State, run: RunRow, event: AttributesGiven) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    state.attributes.put(run.run_id, AttributesRow(event.memo, event.search_attributes))
