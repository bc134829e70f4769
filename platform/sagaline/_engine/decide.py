"""Decides what an input means for a run: events, or a refusal with its reason. Reads state, never writes."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from sagaline._engine.rows import ActivityRow, RunRow
from sagaline._engine.state import ReadState
from sagaline._model.events import (
    ActivityAttemptFailed,
    ActivityCompleted,
    ActivityFailed,
    CancelRequested,
    Event,
    RunStarted,
    RunTerminated,
    TimerFired,
)
from sagaline._model.failure import Failure
from sagaline._model.records import PARKED, ActivityResult, CancelRun, RetryRun, StartRun, TerminateRun


class TimerDue(msgspec.Struct, frozen=True, gc=False):
    """A timer's time has come, by the owner's clock."""

    workflow_id: str
    run_id: str
    step: int


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The input is not accepted; ``failure`` says what was expected and what came."""

    request_id: str
    workflow_id: str
    failure: Failure


Input = StartRun | CancelRun | TerminateRun | RetryRun | ActivityResult | TimerDue
Decision = list[Event] | Rejected


def run_id_of(request: StartRun) -> str:
    """The id of the run that a request starts: the same for a repeat, unlike any other's."""
    text = f"{request.workflow_id}\0{request.request_id}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def decide(state: ReadState, given: Input, now_ms: int) -> Decision:
    """The events that ``given`` leads to; an empty list when it is stale, repeated or already answered."""
    return _PROCESSORS[type(given)](state, given, now_ms)


def _start(state: ReadState, given: StartRun, now_ms: int) -> Decision:
    if state.run(given.workflow_id) is not None:
        return []
    return [
        RunStarted(
            given.workflow,
            given.input,
            given.request_id,
            given.reply_to,
            given.reply_partition,
            given.reply_when,
        )
    ]


def _cancel(state: ReadState, given: CancelRun, now_ms: int) -> Decision:
    run = state.run(given.workflow_id)
    if run is None or run.closed:
        return _not_running(given, run)
    return [] if run.cancel_requested else [CancelRequested(given.request_id, given.reason)]


def _terminate(state: ReadState, given: TerminateRun, now_ms: int) -> Decision:
    run = state.run(given.workflow_id)
    if run is None or run.closed:
        return _not_running(given, run)
    return [RunTerminated(given.request_id, given.reason)]


def _retry(state: ReadState, given: RetryRun, now_ms: int) -> Decision:
    run = state.run(given.workflow_id)
    if run is None or run.closed:
        return _not_running(given, run)
    if run.status != PARKED:
        message = f"Expected a parked run of workflow id {given.workflow_id!r} but it is {run.status}."
        return Rejected(given.request_id, given.workflow_id, Failure("NotParked", message, retryable=False))
    return []


def _not_running(given: CancelRun | TerminateRun | RetryRun, run: RunRow | None) -> Rejected:
    found = "there is none" if run is None else f"it has ended: {run.status}"
    name = "WorkflowNotFound" if run is None else "RunEnded"
    message = f"Expected an open run of workflow id {given.workflow_id!r} but {found}."
    return Rejected(given.request_id, given.workflow_id, Failure(name, message, retryable=False))


def _activity_result(state: ReadState, given: ActivityResult, now_ms: int) -> Decision:
    row = state.activity(given.run_id, given.step)
    if row is None or row.attempt != given.attempt:
        return []  # recorded before, or an attempt that was given up
    if given.failure is None:
        return [ActivityCompleted(given.step, given.attempt, given.result or b"null")]
    if _retries(row, given.failure):
        wait_ms = _interval_ms(row, given.run_id)
        return [ActivityAttemptFailed(given.step, given.attempt, given.failure, now_ms + wait_ms)]
    failure = given.failure
    if failure.clean and given.attempt > 1:  # an earlier attempt failed otherwise: who knows what it did
        failure = msgspec.structs.replace(failure, clean=False)
    return [ActivityFailed(given.step, given.attempt, failure)]


def _retries(row: ActivityRow, failure: Failure) -> bool:
    policy = row.scheduled.retry
    if row.cancel_requested or not failure.retryable or failure.type in policy.non_retryable:
        return False
    return policy.attempts == 0 or row.attempt < policy.attempts


def _interval_ms(row: ActivityRow, run_id: str) -> int:
    """The policy's interval less up to a tenth, by a hash: runs that failed together do not come back together."""
    interval = row.scheduled.retry.interval_ms(row.attempt)
    spread = zlib.crc32(f"{run_id}/{row.scheduled.step}/{row.attempt}".encode()) % 100
    return interval - interval * spread // 1000


def _timer_due(state: ReadState, given: TimerDue, now_ms: int) -> Decision:
    due_at = state.wait(given.run_id, given.step)
    return [] if due_at is None or due_at > now_ms else [TimerFired(given.step)]


_PROCESSORS: dict[type[Input], Callable[[ReadState, Any, int], Decision]] = {
    StartRun: _start,
    CancelRun: _cancel,
    TerminateRun: _terminate,
    RetryRun: _retry,
    ActivityResult: _activity_result,
    TimerDue: _timer_due,
}
