"""The client: starts runs and waits for them, from any program that reaches the log."""

from __future__ import annotations

from sagaline.client.client import Client
from sagaline.client.handle import RunHandle
from sagaline.client.ledger import (
    LedgerChild,
    LedgerEntry,
    SagaLedger,
    SagaPart,
    StepRepair,
    UndoCall,
    UndoPreview,
)
from sagaline.client.limits import LimitDescription, LimitHolder, LimitWaiter
from sagaline.client.locks import LockDescription, LockWaiter
from sagaline.client.outcomes import SagaOutcome
from sagaline.client.resets import LaterStep, ResetPreview
from sagaline.client.run_saga import RunSaga
from sagaline.client.schedule_types import Calendar, Cron, Every, ScheduleDescription, ScheduledRun, ScheduleSummary
from sagaline.client.schedules import Schedules
from sagaline.client.types import (
    Description,
    Failure,
    HistoryEvent,
    IdConflict,
    IdReuse,
    LimitName,
    OnParked,
    OpenStep,
    PatchUse,
    Reset,
    RunSummary,
    SagaSummary,
    Status,
    StepWait,
)
from sagaline.client.updates import UpdateHandle
from sagaline.client.with_start import WithStart

__all__ = [
    "Calendar",
    "Client",
    "Cron",
    "Description",
    "Every",
    "Failure",
    "HistoryEvent",
    "IdConflict",
    "IdReuse",
    "LaterStep",
    "LedgerChild",
    "LedgerEntry",
    "LimitDescription",
    "LimitHolder",
    "LimitName",
    "LimitWaiter",
    "LockDescription",
    "LockWaiter",
    "OnParked",
    "OpenStep",
    "PatchUse",
    "Reset",
    "ResetPreview",
    "RunHandle",
    "RunSaga",
    "RunSummary",
    "SagaLedger",
    "SagaOutcome",
    "SagaPart",
    "SagaSummary",
    "ScheduleDescription",
    "ScheduleSummary",
    "ScheduledRun",
    "Schedules",
    "Status",
    "StepRepair",
    "StepWait",
    "UndoCall",
    "UndoPreview",
    "UpdateHandle",
    "WithStart",
]
