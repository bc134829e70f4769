"""One attempt of an activity, and what its code may ask about it and tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sagaline._engine.tables.activities import ActivityRow
from sagaline._host.activities.lanes import Lane, Place, TypeSlots
from sagaline._host.activities.threads import ThreadGuard
from sagaline._host.activities.user_code import UserCode
from sagaline._model.ids import step_keys
from sagaline._model.tokens import AttemptToken
from sagaline._runtime.activities import ActivityInfo, ForwardStep
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.heartbeats import plain_details
from sagaline.errors import SagalineError

Key = tuple[Place, str, int]
"""A step of a run: ids of runs are unique within a namespace."""


class Listener(Protocol):
    """Hears what running code says."""

    def beat(self, attempt: Attempt, details: bytes | None) -> None:
        """It is alive. Called from any thread."""
        ...

    def details(self, attempt: Attempt) -> bytes | None:
        """What the attempt before said last, opened."""
        ...


class Beats:
    """The heartbeats of a running attempt. Times are those of the loop."""

    __slots__ = ("flush", "heard_s", "sent_s", "silence")

    def __init__(self, now_s: float) -> None:
        self.heard_s = self.sent_s = now_s
        self.flush: asyncio.TimerHandle | None = None
        self.silence: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Nothing more of it is reported."""
        for timer in (self.flush, self.silence):
            if timer is not None:
                timer.cancel()


class Attempt:
    """An attempt that waits, runs, or goes on after it was reported. Of those of a ``key`` the newest counts; ``place``
    is the partition that hears of it."""

    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    deadline_s: float = 0.0  # on the loop's clock
    waits_since_s: float = 0.0  # for a slot, on the loop's clock, if it had to wait
    launched_s: float = 0.0  # kept for listeners alone
    begun_ms: int = -1  # -1: its task has not begun yet
    stopped_by: str = ""
    reported: bool = False
    looks: int = 0
    code: UserCode | None = None  # on the loop
    thread: int | None = None
    guard: ThreadGuard | None = None  # while it is in a thread
    kill: Callable[[], None] | None = None  # while it is in a process
    next_delay_ms: int = -1  # what the error that ended it says of the next attempt
    beats: Beats | None = None
    unsaid: bytes | None = None  # details of its last heartbeat, until they are reported
    is_told: bool = False  # the loop will hear of a heartbeat from another thread
    slots: TypeSlots | None = None  # of its kind, when that has limits

    def __init__(self, key: Key, row: ActivityRow, definition: ActivityDefinition, lane: Lane[Attempt]) -> None:
        self.key, self.row, self.definition, self.lane = key, row, definition, lane
        self.place, self.run_id, _ = key
        # So that these have their places in the object from the first attempt on: what is set for the first time when
        # many have been made goes into a dict, one an attempt.
        self.begun_ms, self.reported = -1, False

    listener: Listener

    @property
    def is_cancelled(self) -> bool:
        """True when nobody waits for it any more, or it is asked to stop."""
        return self.stopped_by != "" or self.reported

    def heartbeat(self, details: bytes | None) -> None:
        """It is alive, and has come so far."""
        self.listener.beat(self, details)

    @property
    def details(self) -> bytes | None:
        """What the attempt before said last."""
        return None if self.row.watched is None else self.listener.details(self)

    def shielded(self) -> AbstractContextManager[None]:
        """In its thread: no cancellation comes out of the code inside."""
        if self.guard is None:
            raise SagalineError(
                "Expected activity.shielded() in an activity that runs in a thread but it was called elsewhere: async "
                "code has asyncio.shield."
            )
        return self.guard.shielded()

    def stop(self) -> None:
        """Asks its code to end."""
        if self.kill is not None:
            self.kill()
        elif self.guard is not None:
            self.guard.cancel()
        elif self.definition.is_async and self.task is not None:
            self.task.cancel()

    def info(self) -> ActivityInfo:
        """What its code may ask about it."""
        row, scheduled, run_id = self.row, self.row.scheduled, self.run_id
        key, forward_key = step_keys(scheduled, row.asked_by or run_id)
        forward = ForwardStep(forward_key, scheduled.outcome or "unknown") if forward_key else None
        ends_ms = self.begun_ms + scheduled.timeout_ms
        if row.watched is not None and scheduled.limits is not None and scheduled.limits.total_timeout_ms:
            ends_ms = min(ends_ms, row.watched.scheduled_at + scheduled.limits.total_timeout_ms)
        return ActivityInfo(
            row.workflow_id,
            run_id,
            scheduled.activity,
            scheduled.step,
            row.attempt,
            key,
            ends_ms / 1000,
            forward,
            plain_details(self.details),
            AttemptToken(row.workflow_id, run_id, scheduled.step, row.attempt).id,
        )

    def __str__(self) -> str:
        scheduled = self.row.scheduled
        return (
            f"{scheduled.activity} of {self.row.workflow_id!r} (run {self.run_id}, step {scheduled.step}, "
            f"attempt {self.row.attempt})"
        )
