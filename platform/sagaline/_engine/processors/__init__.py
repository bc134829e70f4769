"""One processor an input: it reads the state and says which events follow, or why none does. It never writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagaline._engine.processors import (
    activity_due,
    activity_result,
    cancel,
    child_report,
    heartbeat,
    park,
    pause,
    repair,
    reset,
    retry,
    settle_activity,
    signal,
    start,
    terminate,
    timer_due,
    undo,
    update,
)
from sagaline._engine.processors.decisions import (
    ActivityDue,
    ParkRun,
    ResetDecision,
    StartDecision,
    TimerDue,
    UndoDecision,
)
from sagaline._engine.state import ReadState
from sagaline._model.records import (
    ActivityResult,
    CancelRun,
    ChildReport,
    Heartbeat,
    PauseRun,
    RepairActivity,
    ResetRun,
    RetryRun,
    SettleActivity,
    SignalRun,
    StartRun,
    TerminateRun,
    UndoRun,
    UnpauseRun,
    UpdateRun,
)

Input = (
    StartRun
    | CancelRun
    | TerminateRun
    | PauseRun
    | UnpauseRun
    | RepairActivity
    | ResetRun
    | UndoRun
    | RetryRun
    | SignalRun
    | UpdateRun
    | ActivityResult
    | Heartbeat
    | SettleActivity
    | ActivityDue
    | ChildReport
    | TimerDue
    | ParkRun
)
Processor = Callable[[ReadState, Any, int], StartDecision | ResetDecision | UndoDecision]

PROCESSORS: dict[type[Input], Processor] = {
    StartRun: start.process,
    CancelRun: cancel.process,
    TerminateRun: terminate.process,
    PauseRun: pause.process,
    UnpauseRun: pause.process_unpause,
    RepairActivity: repair.process,
    ResetRun: reset.process,
    UndoRun: undo.process,
    RetryRun: retry.process,
    SignalRun: signal.process,
    UpdateRun: update.process,
    ActivityResult: activity_result.process,
    Heartbeat: heartbeat.process,
    SettleActivity: settle_activity.process,
    ActivityDue: activity_due.process,
    ChildReport: child_report.process,
    TimerDue: timer_due.process,
    ParkRun: park.process,
}
