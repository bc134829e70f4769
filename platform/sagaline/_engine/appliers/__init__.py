"""One applier per event and version: the folder is the catalogue of events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagaline._engine.appliers import (
    activity_attempt_failed,
    activity_cancel_requested,
    activity_completed,
    activity_dispatched,
    activity_failed,
    activity_parked,
    activity_repaired,
    activity_scheduled,
    attributes_given,
    cancel_requested,
    child_began,
    child_cancel_requested,
    child_ended,
    child_requested,
    heartbeat_recorded,
    ledger_carried,
    ledger_inherited,
    ledger_reported,
    memo_changed,
    message_requested,
    message_settled,
    outcome_received,
    patch_marked,
    run_cancelled,
    run_completed,
    run_continued,
    run_failed,
    run_parked,
    run_paused,
    run_replaced,
    run_reset,
    run_resumed,
    run_started,
    run_terminated,
    run_timed_out,
    run_unpaused,
    saga_began,
    saga_ended,
    search_attributes_changed,
    side_effect_recorded,
    signal_received,
    signals_handled,
    timer_cancelled,
    timer_fired,
    timer_started,
    update_accepted,
    update_completed,
    will_left,
    will_withdrawn,
    wills_inherited,
)
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model import events
from sagaline._model.events import Event

Applier = Callable[[State, RunRow, Any], None]

# By event and version. A version is added, never changed: old logs replay for ever.
APPLIERS: dict[tuple[type[Event], int], Applier] = {
    (events.RunStarted, 1): run_started.apply,
    (events.ActivityScheduled, 1): activity_scheduled.apply,
    (events.ActivityAttemptFailed, 1): activity_attempt_failed.apply,
    (events.ActivityCompleted, 1): activity_completed.apply,
    (events.ActivityFailed, 1): activity_failed.apply,
    (events.ActivityCancelRequested, 1): activity_cancel_requested.apply,
    (events.TimerStarted, 1): timer_started.apply,
    (events.TimerFired, 1): timer_fired.apply,
    (events.TimerCancelled, 1): timer_cancelled.apply,
    (events.CancelRequested, 1): cancel_requested.apply,
    (events.RunParked, 1): run_parked.apply,
    (events.RunResumed, 1): run_resumed.apply,
    (events.RunCompleted, 1): run_completed.apply,
    (events.RunFailed, 1): run_failed.apply,
    (events.RunCancelled, 1): run_cancelled.apply,
    (events.RunTerminated, 1): run_terminated.apply,
    (events.RunReplaced, 1): run_replaced.apply,
    (events.PatchMarked, 1): patch_marked.apply,
    (events.SignalReceived, 1): signal_received.apply,
    (events.SignalsHandled, 1): signals_handled.apply,
    (events.RunContinued, 1): run_continued.apply,
    (events.UpdateAccepted, 1): update_accepted.apply,
    (events.UpdateCompleted, 1): update_completed.apply,
    (events.ChildRequested, 1): child_requested.apply,
    (events.ChildBegan, 1): child_began.apply,
    (events.ChildEnded, 1): child_ended.apply,
    (events.ChildCancelRequested, 1): child_cancel_requested.apply,
    (events.RunTimedOut, 1): run_timed_out.apply,
    (events.LedgerCarried, 1): ledger_carried.apply,
    (events.LedgerInherited, 1): ledger_inherited.apply,
    (events.LedgerReported, 1): ledger_reported.apply,
    (events.RunPaused, 1): run_paused.apply,
    (events.RunUnpaused, 1): run_unpaused.apply,
    (events.ActivityParked, 1): activity_parked.apply,
    (events.ActivityRepaired, 1): activity_repaired.apply,
    (events.SagaBegan, 1): saga_began.apply,
    (events.SagaEnded, 1): saga_ended.apply,
    (events.MessageRequested, 1): message_requested.apply,
    (events.MessageSettled, 1): message_settled.apply,
    (events.SideEffectRecorded, 1): side_effect_recorded.apply,
    (events.AttributesGiven, 1): attributes_given.apply,
    (events.MemoChanged, 1): memo_changed.apply,
    (events.SearchAttributesChanged, 1): search_attributes_changed.apply,
    (events.RunReset, 1): run_reset.apply,
    (events.ActivityDispatched, 1): activity_dispatched.apply,
    (events.HeartbeatRecorded, 1): heartbeat_recorded.apply,
    (events.OutcomeReceived, 1): outcome_received.apply,
    (events.WillLeft, 1): will_left.apply,
    (events.WillWithdrawn, 1): will_withdrawn.apply,
    (events.WillsInherited, 1): wills_inherited.apply,
}

NEWEST: dict[type[Event], tuple[int, Applier]] = {
    event: (version, APPLIERS[event, version]) for event, version in sorted(APPLIERS, key=lambda key: key[1])
}
"""The version in which an event is emitted, and its applier."""
