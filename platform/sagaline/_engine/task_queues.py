"""Attempts of activities that workers of a task queue make: they leave through the outbox, and are known by their ids.

One that its owner gives up, or that is to stop, has a record in the queue's topic of cancellations: no worker
begins it any more, however late it finds the task.
"""

from __future__ import annotations

import msgspec

from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow, Queued, StartActivity
from sagaline._engine.tables.outbox import BY_KEY, OutboxRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.codec import encode
from sagaline._model.failure import CANCELLED, TIMEOUT, Failure
from sagaline._model.ids import step_keys
from sagaline._model.limits import NAME_BYTES, cut
from sagaline._model.tasks import TASKS, CancelTask, Task, cancel_topic, task_id, task_topic

LATE_MS = 2_000
"""How much longer than a worker the owner waits: the worker says itself when its attempt has taken too long."""
STOPPING_MS = 10_000
"""How long an attempt that is to stop may take to say what it came to."""


def send(state: State, run: RunRow, row: ActivityRow) -> None:
    """The task of an attempt leaves. Contract: its row says that it is queued."""
    key = task_id(run.run_id, row.scheduled.step, row.attempt).encode()
    state.send(OutboxRow(task_topic(row.scheduled.queue), BY_KEY, key, encode(_task(run, row))))


def dispatch(state: State, run: RunRow, row: ActivityRow) -> None:
    """The attempt that a row waits with is due."""
    queued = msgspec.structs.replace(row, retry_at=0, queued=Queued(run.last_at))
    state.activities.change(run, row, queued)
    send(state, run, queued)


def cancel(state: State, run: RunRow, row: ActivityRow) -> None:
    """An attempt is to stop. Whoever makes it says what it came to; if nobody does, the owner does, a little later."""
    stopping = msgspec.structs.replace(row, cancel_requested=True)
    due_at = run.last_at + STOPPING_MS
    if row.retry_at or row.parked_at:  # nobody has it
        stopping = msgspec.structs.replace(stopping, retry_at=0, queued=Queued(run.last_at, due_at=run.last_at))
    elif row.queued is not None:
        due_at = min(due_at, row.queued.due_at or due_at)
        stopping = msgspec.structs.replace(stopping, queued=msgspec.structs.replace(row.queued, due_at=due_at))
        give_up(state, run, row, "it was cancelled")
    state.activities.change(run, row, stopping)


def give_up(state: State, run: RunRow, row: ActivityRow, reason: str) -> None:
    """Nobody is to begin the task of an attempt any more."""
    if row.queued is None:
        return
    scheduled = row.scheduled
    key = task_id(run.run_id, scheduled.step, row.attempt).encode()
    record = CancelTask(run.workflow_id, run.run_id, scheduled.step, row.attempt, reason, run.last_at)
    state.send(OutboxRow(cancel_topic(scheduled.queue), 0, key, encode(record)))


def failed(state: State, run: RunRow, row: ActivityRow, failure: Failure) -> None:
    """An attempt has failed: one that has run out of time may still be in the queue, or at work."""
    if failure.kind in (TIMEOUT, CANCELLED):
        give_up(state, run, row, cut(failure.message, NAME_BYTES))


def leave(state: State, run: RunRow) -> None:
    """The run ends: its tasks are wanted no more."""
    for activity in state.activities.of(run.run_id):
        if activity.row.scheduled.queue:
            give_up(state, run, activity.row, f"its run has ended ({run.status})")


def copied(state: State, run: RunRow, row: ActivityRow) -> None:
    """A run that a reset has begun waits for it: the task of the other run is that run's."""
    if row.cancel_requested:
        state.activities.change(run, row, msgspec.structs.replace(row, queued=Queued(run.last_at, due_at=run.last_at)))
    elif row.retry_at:
        state.changes.call_for(StartActivity(run.run_id, row))
    else:
        dispatch(state, run, row)


def is_settled(state: State, row: OutboxRow) -> bool:
    """Whether a task need not leave again: its attempt is not the one that the run waits for."""
    if not row.topic.startswith(TASKS):
        return False
    run_id, step, attempt = row.key.decode().rsplit("/", 2)
    activity = state.activity(run_id, int(step))
    return activity is None or activity.attempt != int(attempt) or activity.parked_at > 0


def _task(run: RunRow, row: ActivityRow) -> Task:
    scheduled = row.scheduled
    key, forward_key = step_keys(scheduled, row.asked_by or run.run_id)
    limits, watched = scheduled.limits, row.watched
    return Task(
        workflow_id=run.workflow_id,
        run_id=run.run_id,
        step=scheduled.step,
        attempt=row.attempt,
        activity=scheduled.activity,
        input=scheduled.input,
        timeout_ms=scheduled.timeout_ms,
        idempotency_key=key,
        queued_at=run.last_at,
        deadline=0
        if limits is None or watched is None or not limits.total_timeout_ms
        else watched.scheduled_at + limits.total_timeout_ms,
        details=None if watched is None else watched.details,
        heartbeat_timeout_ms=0 if limits is None else limits.heartbeat_timeout_ms,
        compensates=scheduled.compensates,
        outcome=scheduled.outcome,
        forward_key=forward_key,
        non_retryable=scheduled.retry.non_retryable,
        asked_by=row.asked_by,
        compensates_run=scheduled.compensates_run,
        priority=0 if limits is None else limits.priority,
        fairness_key="" if limits is None else limits.fairness_key,
    )
