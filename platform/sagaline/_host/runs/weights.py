"""Bytes that events and inputs take in a record, never less than they will: the size of a record is known before
anything of it is applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sagaline._model import events, limits
from sagaline._model.attributes import SearchAttribute
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult, ChildReport, Heartbeat, SettleActivity, SignalRun
from sagaline._model.wills import Will

_OVERHEAD_BYTES = 300
_FAILURE_BYTES = 60
_INPUTS = 100
"""Inputs of one activation."""
_INPUT_BYTES = limits.ACTIVATION_BYTES // 2
"""Bytes of the inputs of one activation, if there are several: as much again is for what the code asks for."""
PAYLOADS: dict[type[Any], str] = {
    events.RunStarted: "input",
    events.ActivityScheduled: "input",
    events.ActivityCompleted: "result",
    events.RunCompleted: "result",
    events.SignalReceived: "input",
    events.RunContinued: "input",
    events.LedgerCarried: "ledger",
    events.LedgerInherited: "ledger",
    events.LedgerReported: "ledger",
    events.UpdateAccepted: "input",
    events.UpdateCompleted: "result",
    events.ChildRequested: "input",
    events.MessageRequested: "input",
    events.WillLeft: "input",
    events.ChildEnded: "result",
    events.SideEffectRecorded: "result",
    events.AttributesGiven: "memo",
    events.MemoChanged: "memo",
    events.HeartbeatRecorded: "details",
    events.ActivityRepaired: "payload",
    ActivityResult: "result",
    SettleActivity: "payload",
    SignalRun: "input",
}
"""The field of an event that holds a payload."""
SECOND_PAYLOADS: dict[type[Any], str] = {events.ChildRequested: "memo", events.ChildEnded: "ledger"}
"""The field of one that may hold another."""
T = TypeVar("T")


def weight(event: object) -> int:
    """Bytes of an event, or of what an input becomes, in a record at most."""
    weigh = _WEIGHTS.get(type(event))
    return _OVERHEAD_BYTES if weigh is None else _OVERHEAD_BYTES + weigh(event)


def _started(event: events.RunStarted) -> int:
    return (
        len(event.input)
        + 4 * (len(event.workflow) + len(event.request_id) + len(event.reply_to) + len(event.parent_id) + 96)
        + (0 if event.fork is None else _fork(event.fork))
    )


def _fork(fork: events.Fork) -> int:
    return 4 * (len(fork.reason) + len(fork.by) + len(fork.request_id)) + 50 * (len(fork.runs) + 1)


def _reset(event: events.RunReset) -> int:
    return _fork(event.fork)


def _undone(event: events.UndoRequested) -> int:
    return 4 * (len(event.request_id) + len(event.by) + len(event.run_id)) + limits.size(event.reason)


_PARTS_BYTES = 128
"""Numbers and words of an activity's limits, and of its place in a saga."""


def _scheduled(event: events.ActivityScheduled) -> int:
    total = len(event.input) + len(event.queue) + 4 * (len(event.activity) + len(event.compensation or ""))
    if event.saga is not None or event.limits is not None:
        total += _PARTS_BYTES
    if event.retry.non_retryable:
        total += sum(4 * len(name) + 8 for name in event.retry.non_retryable)
    return total


def _result(event: events.ActivityCompleted | events.RunCompleted) -> int:
    return len(event.result)


def _outcome(result: ChildReport | events.ChildEnded) -> int:
    return len(result.result or b"") + _failure(result.failure) + len(result.ledger) + 4 * len(result.pivot)


def _attempt(result: ActivityResult) -> int:
    return len(result.result or b"") + len(result.details or b"") + _failure(result.failure)


def _reason(
    event: events.ChildCancelRequested | events.RunCancelled | events.RunTerminated,
) -> int:
    return 4 * len(event.reason)


def _pause(event: events.RunPaused | events.RunUnpaused) -> int:
    return 4 * (len(event.reason) + len(event.by) + len(event.request_id))


def _repaired(event: events.ActivityRepaired) -> int:
    return len(event.payload) + 4 * (len(event.reason) + len(event.by) + len(event.request_id))


def _cancel(event: events.CancelRequested) -> int:
    return 4 * (len(event.reason) + len(event.sender_id))


def _signal(event: events.SignalReceived | SignalRun) -> int:
    return len(event.input) + 4 * (len(event.signal) + len(event.request_id) + len(event.sender_id))


def _message(event: events.MessageRequested) -> int:
    return len(event.input) + 4 * (len(event.signal) + len(event.target_id) + len(event.reason) + len(event.starts))


def _will(event: events.WillLeft | Will) -> int:
    return len(event.input) + 4 * (len(event.signal) + len(event.target_id))


def _wills(event: events.WillsInherited) -> int:
    return sum(_will(will) + 50 for will in event.wills)


def _accepted(event: events.UpdateAccepted) -> int:
    return len(event.input) + 4 * (len(event.update) + len(event.update_id))


def _answered(event: events.UpdateCompleted) -> int:
    return len(event.result) + 4 * len(event.update_id) + _failure(event.failure)


def _side_effect(event: events.SideEffectRecorded) -> int:
    return len(event.result) + 4 * len(event.name) + _failure(event.failure)


def _beat(event: events.HeartbeatRecorded | Heartbeat) -> int:
    return len(event.details or b"")


def _received(event: events.OutcomeReceived) -> int:
    return 4 * len(event.request_id)


def _settled(request: SettleActivity) -> int:
    return len(request.payload or b"") + 4 * len(request.request_id) + _failure(request.failure)


def _handled(event: events.SignalsHandled) -> int:
    return 5 * len(event.numbers)


def _continued(event: events.RunContinued) -> int:
    return len(event.input)


def _ledger(event: events.LedgerCarried | events.LedgerInherited) -> int:
    return len(event.ledger)


def _reported(event: events.LedgerReported) -> int:
    return len(event.ledger) + 4 * len(event.pivot)


def _child(event: events.ChildRequested) -> int:
    total = len(event.input) + 4 * (len(event.child_id) + len(event.workflow)) + len(event.memo)
    return total + _search(event.search_attributes) if event.search_attributes else total


def _given(event: events.AttributesGiven) -> int:
    return len(event.memo) + _search(event.search_attributes)


def _searched(event: events.SearchAttributesChanged) -> int:
    return _search(event.search_attributes)


def _search(attributes: tuple[SearchAttribute, ...]) -> int:
    return sum(4 * (len(one.name) + len(one.kind) + len(one.value)) + 12 for one in attributes)


def _memo(event: events.MemoChanged) -> int:
    return len(event.memo)


def _patch(event: events.PatchMarked) -> int:
    return 4 * len(event.patch)


class _HasFailure(Protocol):
    @property
    def failure(self) -> Failure | None: ...


def _failed(event: _HasFailure) -> int:
    return _failure(event.failure)


def _failure(failure: Failure | None) -> int:
    total = 0
    while failure is not None:
        total += _FAILURE_BYTES + sum(map(limits.size, (failure.type, failure.message, failure.kind, failure.stack)))
        failure = failure.cause
    return total


_WEIGHTS: dict[type[Any], Callable[[Any], int]] = {
    events.RunStarted: _started,
    events.ActivityScheduled: _scheduled,
    events.ActivityCompleted: _result,
    events.RunCompleted: _result,
    ActivityResult: _attempt,
    Heartbeat: _beat,
    SettleActivity: _settled,
    events.HeartbeatRecorded: _beat,
    events.OutcomeReceived: _received,
    events.CancelRequested: _cancel,
    events.MessageRequested: _message,
    events.MessageSettled: _failed,
    events.WillLeft: _will,
    events.WillsInherited: _wills,
    events.RunCancelled: _reason,
    events.RunTerminated: _reason,
    events.PatchMarked: _patch,
    events.RunReset: _reset,
    events.UndoRequested: _undone,
    events.RunPaused: _pause,
    events.RunUnpaused: _pause,
    events.RunContinued: _continued,
    events.LedgerCarried: _ledger,
    events.LedgerInherited: _ledger,
    events.LedgerReported: _reported,
    events.ChildRequested: _child,
    events.ChildEnded: _outcome,
    events.ChildCancelRequested: _reason,
    ChildReport: _outcome,
    events.SignalReceived: _signal,
    SignalRun: _signal,
    events.SignalsHandled: _handled,
    events.UpdateAccepted: _accepted,
    events.UpdateCompleted: _answered,
    events.SideEffectRecorded: _side_effect,
    events.AttributesGiven: _given,
    events.MemoChanged: _memo,
    events.SearchAttributesChanged: _searched,
    events.ActivityAttemptFailed: _failed,
    events.ActivityFailed: _failed,
    events.ActivityParked: _failed,
    events.ActivityRepaired: _repaired,
    events.RunFailed: _failed,
    events.RunParked: _failed,
}
"""What texts and payloads weigh; events that are not here have none."""


def in_parts(inputs: list[T], most: int = _INPUTS, weigh: Callable[[T], int] = weight) -> list[list[T]]:
    """Inputs of one run in parts that fit into a record each, of ``most`` inputs."""
    if len(inputs) == 1:
        return [inputs]
    parts: list[list[T]] = [[]]
    total = 0
    for item in inputs:
        grown = weigh(item)
        if parts[-1] and (len(parts[-1]) >= most or total + grown > _INPUT_BYTES):
            parts.append([])
            total = 0
        parts[-1].append(item)
        total += grown
    return parts
