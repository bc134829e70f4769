"""The run's code has asked for a patch, and has it."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import PatchMarked


def apply(state: State, run: RunRow, event: PatchMarked) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.patches = {**(run.patches or {}), event.patch: event.deprecated}
