"""What becomes of sagas, as the topic ``outcomes`` tells it."""

from __future__ import annotations

import msgspec

BRIEF, FULL = DETAILS = ("brief", "full")
"""What is told: without texts that people or programs have written, or with them."""
RESUMED = "resumed"
"""The outcome that a run is parked no more, or one of the steps for which it is; the others are statuses of runs."""


class OutcomeRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What becomes of the run is told on the topic ``outcomes``. All but ``detail`` is of the runs that it goes on
    from: steps of theirs, those that are undone, and when the first of them began."""

    detail: str
    steps: int = 0
    undone: int = 0
    began_at: int = 0


class SagaOutcome(msgspec.Struct, frozen=True, gc=False):
    """A saga has ended, waits for a person, or goes on. Times are in milliseconds since 1970; 0: there is none."""

    id: str
    workflow_id: str
    run_id: str
    first_run_id: str
    workflow: str
    outcome: str
    at: int
    began_at: int
    rollback_at: int
    steps: int
    undone: int
    is_parked: bool
    step: int = 0
    activity: str = ""
    compensates: int = 0
    failure_type: str = ""
    failure_message: str = ""
    action: str = ""
    by: str = ""
    reason: str = ""


class Tally(msgspec.Struct, array_like=True, gc=False):
    """What the row of a run keeps for its outcomes. ``told``: how many there were. ``rollback_at``: when the first of
    the compensations was asked for behind which there is no step, 0 while there is none."""

    detail: str = BRIEF
    steps: int = 0
    undone: int = 0
    began_at: int = 0
    rollback_at: int = 0
    told: int = 0
