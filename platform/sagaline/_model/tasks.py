"""What stands on the topics of task queues: attempts of activities for workers that are not their runs' owners."""

from __future__ import annotations

import re

import msgspec

from sagaline._model.limits import QUEUE_CHARS

TASKS, CANCELS = "tasks.", "cancels."
_QUEUE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{QUEUE_CHARS - 1}}}", re.ASCII)


class Task(msgspec.Struct, frozen=True, gc=False):
    """One attempt of an activity, for a worker of a task queue."""

    workflow_id: str
    run_id: str
    step: int
    attempt: int
    activity: str
    input: bytes
    timeout_ms: int
    idempotency_key: str
    queued_at: int = 0
    deadline: int = 0
    heartbeat_timeout_ms: int = 0
    details: bytes | None = None
    compensates: int | None = None
    outcome: str | None = None
    forward_key: str = ""
    non_retryable: tuple[str, ...] = ()
    asked_by: str = ""
    compensates_run: str = ""
    priority: int = 0
    fairness_key: str = ""


class CancelTask(msgspec.Struct, frozen=True, gc=False):
    """An attempt is to stop, or was given up: none begins it any more."""

    workflow_id: str
    run_id: str
    step: int
    attempt: int
    reason: str
    at: int


def task_topic(queue: str) -> str:
    """The topic of a queue's tasks."""
    return f"{TASKS}{queue}"


def cancel_topic(queue: str) -> str:
    """The topic, of one partition, that says which of a queue's tasks are wanted no more."""
    return f"{CANCELS}{queue}"


def task_id(run_id: str, step: int, attempt: int) -> str:
    """The id of an attempt's task, the key of its records: a repeat is recognised by it."""
    return f"{run_id}/{step}/{attempt}"


def is_queue_name(name: str) -> bool:
    """Whether a queue may have this name: it is part of the names of its topics."""
    return _QUEUE.fullmatch(name) is not None
