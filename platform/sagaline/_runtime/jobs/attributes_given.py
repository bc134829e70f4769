"""The run is given a memo and search attributes with its start."""

from __future__ import annotations

from sagaline._model.events import AttributesGiven
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: AttributesGiven) -> None:
    """Its code may read them from its first line on."""
    loop.table.attributes = job
