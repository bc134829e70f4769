"""The events of a run, in the past tense: field for field the union in ``history.v1.avsc``.

A run's history is a sequence of records, one an activation; each holds first the events that came in
(``INPUTS``), then those that the workflow's code asked for (``COMMANDS``). What the runtime returns as a
command is the event that will say so: there is no second set of types to keep in step.
"""

from __future__ import annotations

import msgspec

from sagaline._model.activities import ActivityAttemptFailed as ActivityAttemptFailed
from sagaline._model.activities import ActivityCancelRequested as ActivityCancelRequested
from sagaline._model.activities import ActivityCompleted as ActivityCompleted
from sagaline._model.activities import ActivityDispatched as ActivityDispatched
from sagaline._model.activities import ActivityFailed as ActivityFailed
from sagaline._model.activities import ActivityParked as ActivityParked
from sagaline._model.activities import ActivityRepaired as ActivityRepaired
from sagaline._model.activities import ActivityScheduled as ActivityScheduled
from sagaline._model.activities import AttemptLimits as AttemptLimits
from sagaline._model.activities import HeartbeatRecorded as HeartbeatRecorded
from sagaline._model.activities import OutcomeReceived as OutcomeReceived
from sagaline._model.activities import SagaStep as SagaStep
from sagaline._model.attributes import AttributesGiven as AttributesGiven
from sagaline._model.attributes import MemoChanged as MemoChanged
from sagaline._model.attributes import SearchAttributesChanged as SearchAttributesChanged
from sagaline._model.children import ChildBegan as ChildBegan
from sagaline._model.children import ChildCancelRequested as ChildCancelRequested
from sagaline._model.children import ChildEnded as ChildEnded
from sagaline._model.children import ChildRequested as ChildRequested
from sagaline._model.failure import Failure
from sagaline._model.forks import Fork as Fork
from sagaline._model.forks import RunReset as RunReset
from sagaline._model.lives import LedgerCarried as LedgerCarried
from sagaline._model.lives import LedgerInherited as LedgerInherited
from sagaline._model.lives import LedgerReported as LedgerReported
from sagaline._model.lives import PatchMarked as PatchMarked
from sagaline._model.lives import RunContinued as RunContinued
from sagaline._model.lives import RunReplaced as RunReplaced
from sagaline._model.lives import RunTimedOut as RunTimedOut
from sagaline._model.messages import MessageRequested as MessageRequested
from sagaline._model.messages import MessageSettled as MessageSettled
from sagaline._model.messages import SignalReceived as SignalReceived
from sagaline._model.messages import SignalsHandled as SignalsHandled
from sagaline._model.messages import UpdateAccepted as UpdateAccepted
from sagaline._model.messages import UpdateCompleted as UpdateCompleted
from sagaline._model.outcomes import OutcomeRequest as OutcomeRequest
from sagaline._model.pauses import RunPaused as RunPaused
from sagaline._model.pauses import RunUnpaused as RunUnpaused
from sagaline._model.recorded import SideEffectRecorded as SideEffectRecorded
from sagaline._model.sagas import SagaBegan as SagaBegan
from sagaline._model.sagas import SagaEnded as SagaEnded
from sagaline._model.timers import TimerCancelled as TimerCancelled
from sagaline._model.timers import TimerFired as TimerFired
from sagaline._model.timers import TimerStarted as TimerStarted
from sagaline._model.undos import UndoRequested as UndoRequested
from sagaline._model.wills import WillLeft as WillLeft
from sagaline._model.wills import WillsInherited as WillsInherited
from sagaline._model.wills import WillWithdrawn as WillWithdrawn


class RunStarted(msgspec.Struct, frozen=True, gc=False):
    """A run has begun."""

    workflow: str
    input: bytes
    request_id: str
    reply_to: str
    reply_partition: int
    reply_when: str
    continued_from: str = ""
    first_run_id: str = ""
    parent_id: str = ""
    parent_run_id: str = ""
    parent_step: int = 0
    delay_ms: int = 0
    deadline: int = 0
    fork: Fork | None = None
    outcomes: OutcomeRequest | None = None
    wants_ledger: bool = False
    version: int = 1


class CancelRequested(msgspec.Struct, frozen=True, gc=False):
    """Somebody has asked the run to stop."""

    request_id: str
    reason: str
    sender_id: str = ""
    sender_run_id: str = ""
    sender_step: int = 0
    version: int = 1


class RunParked(msgspec.Struct, frozen=True, gc=False):
    """The run waits for a person or a fixed worker."""

    reason: str
    failure: Failure
    version: int = 1


class RunResumed(msgspec.Struct, frozen=True, gc=False):
    """The run goes on with what has arrived since it was parked."""

    owner: str
    request_id: str = ""
    version: int = 1


class RunCompleted(msgspec.Struct, frozen=True, gc=False):
    """The run has ended well. ``kept_ms``: so long it is kept on top of what every run is."""

    result: bytes
    kept_ms: int = 0
    version: int = 1


class RunFailed(msgspec.Struct, frozen=True, gc=False):
    """The run has failed."""

    failure: Failure
    rolled_back: bool
    version: int = 1


class RunCancelled(msgspec.Struct, frozen=True, gc=False):
    """The run has stopped as asked."""

    reason: str
    rolled_back: bool
    version: int = 1


class RunTerminated(msgspec.Struct, frozen=True, gc=False):
    """The run was ended from outside."""

    request_id: str
    reason: str
    version: int = 1


Input = (
    RunStarted
    | ActivityAttemptFailed
    | ActivityCompleted
    | ActivityFailed
    | TimerFired
    | CancelRequested
    | RunParked
    | RunResumed
    | RunTerminated
    | RunReplaced
    | ChildBegan
    | ChildEnded
    | RunTimedOut
    | LedgerInherited
    | MessageSettled
    | SignalReceived
    | UpdateAccepted
    | RunPaused
    | RunUnpaused
    | AttributesGiven
    | RunReset
    | ActivityDispatched
    | HeartbeatRecorded
    | OutcomeReceived
    | WillsInherited
    | ActivityParked
    | ActivityRepaired
    | UndoRequested
)
Command = (
    ActivityScheduled
    | ActivityCancelRequested
    | TimerStarted
    | TimerCancelled
    | RunCompleted
    | RunFailed
    | RunCancelled
    | PatchMarked
    | SignalsHandled
    | RunContinued
    | UpdateCompleted
    | ChildRequested
    | ChildCancelRequested
    | LedgerCarried
    | MessageRequested
    | SideEffectRecorded
    | MemoChanged
    | SearchAttributesChanged
    | WillLeft
    | WillWithdrawn
    | SagaBegan
    | SagaEnded
    | LedgerReported
)
Event = Input | Command

# The order of the Avro union: an index here is the branch on the wire, so it is append-only.
EVENTS: tuple[type[Event], ...] = (
    RunStarted,
    ActivityScheduled,
    ActivityAttemptFailed,
    ActivityCompleted,
    ActivityFailed,
    ActivityCancelRequested,
    TimerStarted,
    TimerFired,
    TimerCancelled,
    CancelRequested,
    RunParked,
    RunResumed,
    RunCompleted,
    RunFailed,
    RunCancelled,
    RunTerminated,
    RunReplaced,
    PatchMarked,
    SignalReceived,
    SignalsHandled,
    RunContinued,
    UpdateAccepted,
    UpdateCompleted,
    ChildRequested,
    ChildBegan,
    ChildEnded,
    ChildCancelRequested,
    RunTimedOut,
    LedgerCarried,
    LedgerInherited,
    RunPaused,
    RunUnpaused,
    MessageRequested,
    MessageSettled,
    SideEffectRecorded,
    AttributesGiven,
    MemoChanged,
    SearchAttributesChanged,
    RunReset,
    ActivityDispatched,
    HeartbeatRecorded,
    OutcomeReceived,
    WillLeft,
    WillWithdrawn,
    WillsInherited,
    ActivityParked,
    ActivityRepaired,
    SagaBegan,
    SagaEnded,
    LedgerReported,
    UndoRequested,
)
COMMANDS: frozenset[type[Event]] = frozenset(
    {
        ActivityScheduled,
        ActivityCancelRequested,
        TimerStarted,
        TimerCancelled,
        RunCompleted,
        RunFailed,
        RunCancelled,
        PatchMarked,
        SignalsHandled,
        RunContinued,
        UpdateCompleted,
        ChildRequested,
        ChildCancelRequested,
        LedgerCarried,
        MessageRequested,
        SideEffectRecorded,
        MemoChanged,
        SearchAttributesChanged,
        WillLeft,
        WillWithdrawn,
        SagaBegan,
        SagaEnded,
        LedgerReported,
    }
)
