"""What one event does to a run's code: a file each.

All jobs of an activation are applied before the loop runs. They only make things ready; no code runs here but that of
the types that values are read as.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sagaline._model import events
from sagaline._model.events import Event
from sagaline._runtime.jobs import (
    activity_completed,
    activity_failed,
    attributes_given,
    cancel_requested,
    child_began,
    child_ended,
    ledger_inherited,
    message_settled,
    run_started,
    run_timed_out,
    signal_received,
    timer_fired,
    undo_requested,
    update_accepted,
    wills_inherited,
)
from sagaline._runtime.run_loop import RunLoop

JOBS: dict[type[Event], Callable[[RunLoop, Any], None]] = {
    events.RunStarted: run_started.apply,
    events.ActivityCompleted: activity_completed.apply,
    events.ActivityFailed: activity_failed.apply,
    events.TimerFired: timer_fired.apply,
    events.CancelRequested: cancel_requested.apply,
    events.ChildBegan: child_began.apply,
    events.ChildEnded: child_ended.apply,
    events.RunTimedOut: run_timed_out.apply,
    events.LedgerInherited: ledger_inherited.apply,
    events.MessageSettled: message_settled.apply,
    events.SignalReceived: signal_received.apply,
    events.UpdateAccepted: update_accepted.apply,
    events.AttributesGiven: attributes_given.apply,
    events.WillsInherited: wills_inherited.apply,
    events.UndoRequested: undo_requested.apply,
}
"""Events that concern the code. The others, such as a failed attempt, are the engine's alone."""

_RANKS: dict[type[Event], int] = {
    events.LedgerInherited: -1,
    events.AttributesGiven: -1,
    events.WillsInherited: -1,
    events.SignalReceived: -1,
    events.UpdateAccepted: -1,
    events.RunStarted: 0,
    events.CancelRequested: 2,
}


def in_order(jobs: Sequence[Event]) -> Sequence[Event]:
    """What is inherited first, with signals and updates; then the run's start; its cancellation last, and the others
    between them as they came."""
    return jobs if len(jobs) == 1 else sorted(jobs, key=lambda job: _RANKS.get(type(job), 1))
