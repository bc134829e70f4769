"""Which run an instance is of: what does not change while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from sagaline._runtime.definitions import WorkflowDefinition


@dataclass(slots=True)
class RunInfo:
    """A run's ids and workflow. ``started_ms``: milliseconds since 1970, 0 before the first activation."""

    workflow: WorkflowDefinition
    workflow_id: str
    run_id: str
    started_ms: int = 0
