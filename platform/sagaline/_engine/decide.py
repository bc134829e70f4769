"""Decides what an input means: looks up its processor. Reads state, never writes."""

from __future__ import annotations

from typing import Any, overload

from sagaline._engine.processors import PROCESSORS, Input
from sagaline._engine.processors.decisions import (
    ActivityDue,
    Decision,
    Forked,
    Joined,
    ParkRun,
    Rejected,
    Replaced,
    ResetDecision,
    StartDecision,
    TimerDue,
    UndoDecision,
    Undone,
)
from sagaline._engine.state import ReadState
from sagaline._model.ids import run_id_of
from sagaline._model.records import (
    ActivityResult,
    ChildReport,
    Heartbeat,
    ResetRun,
    RetryRun,
    RunControl,
    SignalRun,
    StartRun,
    UndoRun,
    UpdateRun,
)

__all__ = [
    "ActivityDue",
    "Decision",
    "Forked",
    "Input",
    "Joined",
    "ParkRun",
    "Rejected",
    "Replaced",
    "StartDecision",
    "TimerDue",
    "Undone",
    "decide",
    "run_id_of",
]


@overload
def decide(state: ReadState, incoming: StartRun, now_ms: int) -> StartDecision: ...
@overload
def decide(state: ReadState, incoming: ResetRun, now_ms: int) -> ResetDecision: ...
@overload
def decide(state: ReadState, incoming: UndoRun, now_ms: int) -> UndoDecision: ...
@overload
def decide(
    state: ReadState,
    incoming: RunControl
    | RetryRun
    | SignalRun
    | UpdateRun
    | ActivityResult
    | Heartbeat
    | ChildReport
    | TimerDue
    | ActivityDue
    | ParkRun,
    now_ms: int,
) -> Decision: ...
def decide(state: ReadState, incoming: Input, now_ms: int) -> Any:
    """The events that an input leads to; empty when it is stale, repeated or already answered.

    What else a start, a reset or an undo can lead to say ``processors/start.py``, ``reset.py`` and ``undo.py``.
    ``now_ms``: milliseconds since 1970, at least the run's last time.
    """
    return PROCESSORS[type(incoming)](state, incoming, now_ms)
