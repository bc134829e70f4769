"""An attempt of an activity has an outcome: the activity is done, is retried, or has failed for good."""

from __future__ import annotations

import zlib

import msgspec

from sagaline._engine.processors.decisions import Decision
from sagaline._engine.processors.time_outs import total_timeout
from sagaline._engine.state import ReadState
from sagaline._engine.tables.activities import ActivityRow
from sagaline._model.activities import PARK, RETRIABLE
from sagaline._model.events import (
    ActivityAttemptFailed,
    ActivityCompleted,
    ActivityFailed,
    ActivityParked,
    HeartbeatRecorded,
)
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult, Heartbeat


def attempt_of(state: ReadState, said: ActivityResult | Heartbeat) -> ActivityRow | None:
    """The row of the attempt that somebody says something of; None when it was given up, and for what another program
    has made up, such as the run of another workflow id."""
    row = state.activity(said.run_id, said.step)
    if row is None or row.attempt != said.attempt or row.workflow_id != said.workflow_id:
        return None
    return row


def process(state: ReadState, result: ActivityResult, now_ms: int) -> Decision:
    """Empty when the outcome was recorded before, or is that of an attempt that was given up."""
    row = attempt_of(state, result)
    if row is None or (row.parked_at and not row.cancel_requested):
        return []
    failure = result.failure
    if failure is None:
        return [ActivityCompleted(result.step, result.attempt, result.result or b"null")]
    if _retries(row, failure):
        wait_ms = result.next_delay_ms if result.next_delay_ms >= 0 else _interval_ms(row, result.run_id)
        if (too_late := total_timeout(row, now_ms + wait_ms, failure)) is None:
            failed = ActivityAttemptFailed(result.step, result.attempt, failure, now_ms + wait_ms)
            if result.details is None:
                return [failed]
            return [HeartbeatRecorded(result.step, result.attempt, result.details), failed]
        failure = too_late
    if failure.clean and result.attempt > 1:  # an earlier attempt failed otherwise: who knows what it did
        failure = msgspec.structs.replace(failure, clean=False)
    if _parks(row, failure):
        return [ActivityParked(result.step, result.attempt, failure)]
    return [ActivityFailed(result.step, result.attempt, failure)]


def _retries(row: ActivityRow, failure: Failure) -> bool:
    policy = row.scheduled.retry
    if row.cancel_requested or not failure.retryable or failure.type in policy.non_retryable:
        return False
    return policy.attempts == 0 or row.attempt - row.tried_before < policy.attempts


def _parks(row: ActivityRow, failure: Failure) -> bool:
    """A step that says no, without any effect, fails: but after the pivot of a saga, and in its rollback, no is no
    answer."""
    scheduled = row.scheduled
    if scheduled.limits is None or scheduled.limits.on_exhausted != PARK or row.cancel_requested:
        return False
    must_be_done = scheduled.compensates is not None or (
        scheduled.saga is not None and scheduled.saga.kind == RETRIABLE
    )
    return must_be_done or not failure.clean


def _interval_ms(row: ActivityRow, run_id: str) -> int:
    """The policy's interval less up to its jitter, by a hash: runs that failed together do not come back together."""
    interval, limits = row.scheduled.retry.interval_ms(row.attempt - row.tried_before), row.scheduled.limits
    spread = zlib.crc32(f"{run_id}/{row.scheduled.step}/{row.attempt}".encode()) % 100
    return interval - interval * spread * (10 if limits is None else limits.jitter) // 10_000
