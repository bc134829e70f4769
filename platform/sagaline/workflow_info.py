"""What a run knows of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class WorkflowInfo:
    """The run that is running."""

    workflow_id: str
    run_id: str
    """Id of the run. In a run that a reset has begun, up to the event that it was reset to, that of the run before."""
    workflow: str
    started_at: datetime
    is_replaying: bool
    continued_from: str | None = None
    """Id of the run that has continued as this one."""
    continue_as_new_suggested: bool = False
    """True when the run's history is long: ``workflow.continue_as_new`` begins a new one."""
    parent_id: str | None = None
    """Workflow id of the run that has started this one as its child: ``workflow.external`` sends it signals."""
