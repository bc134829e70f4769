"""A time has come at which an activity may have taken too long."""

from __future__ import annotations

from sagaline._engine.processors import activity_result
from sagaline._engine.processors.decisions import ActivityDue, Decision
from sagaline._engine.processors.time_outs import attempt_timeout, heartbeat_timeout, start_timeout, total_timeout
from sagaline._engine.state import ReadState
from sagaline._engine.tables.activities import ActivityRow
from sagaline._model.events import HeartbeatRecorded
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult


def process(state: ReadState, due: ActivityDue, now_ms: int) -> Decision:
    """Empty when none of its limits is exceeded. That an attempt has begun in time is recorded when it might be asked:
    whoever owns the run later must know."""
    row = state.activity(due.run_id, due.step)
    if row is None:
        return []
    failure = total_timeout(row, now_ms, row.failure)
    if failure is None and (failure := start_timeout(row, now_ms)) is not None and due.has_begun:
        return [HeartbeatRecorded(due.step, row.attempt)]
    failure = failure or _silence(row, now_ms)
    if failure is None:
        return []
    result = ActivityResult(row.workflow_id, due.run_id, due.step, row.attempt, None, failure)
    return activity_result.process(state, result, now_ms)


def _silence(row: ActivityRow, now_ms: int) -> Failure | None:
    """What an attempt that does not run with the owner has missed."""
    limits, watched = row.scheduled.limits, row.watched
    if watched is None or not (watched.awaited_until or row.scheduled.queue):
        return None
    if watched.awaited_until and now_ms >= watched.awaited_until:
        return attempt_timeout(row)
    if limits is None or not limits.heartbeat_timeout_ms or not watched.beat_at:
        return None
    return heartbeat_timeout(row) if now_ms >= watched.beat_at + limits.heartbeat_timeout_ms else None
