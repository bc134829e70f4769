"""What applying an event asks the host to do once the record is durable: each is defined where its table calls for it.

Effects are lost with the process: all of it is found again in the rows.
"""

from __future__ import annotations

from sagaline._engine.changes import Effect
from sagaline._engine.tables.activities import (
    CancelActivity,
    ForgetActivity,
    HoldActivities,
    StartActivities,
    StartActivity,
)
from sagaline._engine.tables.closed import CloseRun
from sagaline._engine.tables.outbox import Publish
from sagaline._engine.tables.positions import CoverPositions
from sagaline._engine.tables.timers import SetTimer
from sagaline._engine.tables.updates import AnswerUpdate

__all__ = [
    "Answer",
    "AnswerUpdate",
    "CancelActivity",
    "CloseRun",
    "CoverPositions",
    "Effect",
    "ForgetActivity",
    "GoOn",
    "HoldActivities",
    "Publish",
    "SetTimer",
    "StartActivities",
    "StartActivity",
]


class Answer(Effect, frozen=True, gc=False):
    """Answer a request directly. Whoever misses the answer asks again and is given the same."""

    partition: int
    client: str
    value: bytes


class GoOn(Effect, frozen=True, gc=False):
    """Begin the run as which that of the workflow id goes on, or take up the one that let an input in before."""

    workflow_id: str
