"""One attempt of an activity: from its row to a result or a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from sagaline._engine.tables.activities import ActivityRow
from sagaline._host.activities.threads import UserThreads
from sagaline._host.activities.user_code import TaskExit, UserCode, UserTasks
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._model.failure import APPLICATION, CANCELLED, TIMEOUT, Failure
from sagaline._model.ids import compensation_key, idempotency_key
from sagaline._model.limits import PAYLOAD_BYTES
from sagaline._payloads import step_input, step_result
from sagaline._runtime.activities import ActivityInfo, ForwardStep
from sagaline._runtime.context import current_activity
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.failures import failure_of, next_delay_ms
from sagaline._runtime.interrupt import Interrupted
from sagaline.errors import PayloadTooLarge

_log = logging.getLogger("sagaline.activities")
Place = tuple[str, int]
"""A partition of a namespace: a process may work for several."""
Key = tuple[Place, str, int]
"""A step of a run: ids of runs are unique within a namespace."""
Outcome = bytes | Failure


class Attempt:
    """An attempt that waits, runs, or goes on after it was reported. Of those of a ``key`` the newest counts; ``place``
    is the partition that hears of it."""

    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    deadline_s: float = 0.0  # on the loop's clock
    begun_ms: int = -1  # -1: its task has not begun yet
    stopped_by: str = ""
    reported: bool = False
    looks: int = 0
    code: UserCode | None = None  # on the loop
    thread: int | None = None
    next_delay_ms: int = -1  # what the error that ended it says of the next attempt

    def __init__(self, key: Key, row: ActivityRow, definition: ActivityDefinition) -> None:
        self.key, self.row, self.definition = key, row, definition
        self.place, self.run_id, _ = key

    def info(self) -> ActivityInfo:
        """What its code may ask about it."""
        row, scheduled, run_id = self.row, self.row.scheduled, self.run_id
        asked_by = row.asked_by or run_id
        forward, key = None, idempotency_key(asked_by, scheduled.step)
        if scheduled.compensates is not None:
            of_run = scheduled.compensates_run or asked_by
            forward = ForwardStep(idempotency_key(of_run, scheduled.compensates), scheduled.outcome or "unknown")
            if scheduled.compensates_run:
                key = compensation_key(of_run, scheduled.compensates)
        return ActivityInfo(
            row.workflow_id,
            run_id,
            scheduled.activity,
            scheduled.step,
            row.attempt,
            key,
            (self.begun_ms + scheduled.timeout_ms) / 1000,
            forward,
        )

    def __str__(self) -> str:
        scheduled = self.row.scheduled
        return (
            f"{scheduled.activity} of {self.row.workflow_id!r} (run {self.run_id}, step {scheduled.step}, "
            f"attempt {self.row.attempt})"
        )


class Performer:
    """Performs attempts. ``ended`` is called with each one's outcome, in its own task, as the last thing that it does:
    every way out of an attempt is something to report."""

    def __init__(self, options: HostOptions, pools: Pools, ended: Callable[[Attempt, Outcome], None]) -> None:
        self._pools, self._ended = pools, ended
        self._payloads, self._clock = options.payloads, options.clock
        self._threads = UserThreads(options.activity_threads)
        self._tasks = UserTasks(asyncio.get_running_loop(), options.running)

    def begin(self, attempt: Attempt) -> None:
        """Sets the attempt's task, which begins in the next turn of the loop.

        Contract: of a task that is cancelled before it has begun (``begun_ms`` is -1) ``ended`` never hears: nothing
        of it has run.
        """
        coro: Coroutine[Any, Any, None] = self._perform(attempt)
        row = attempt.row
        activity = row.scheduled.activity
        if attempt.definition.is_async:
            coro = attempt.code = UserCode(coro, self._tasks, (row.workflow_id, attempt.run_id, activity))
        attempt.task = self._tasks.task(coro, activity)

    async def _perform(self, attempt: Attempt) -> None:
        definition, payloads = attempt.definition, self._payloads
        outcome: Outcome
        attempt.begun_ms = self._clock()
        try:
            payload = attempt.row.scheduled.input
            if not payloads.is_open(payload):
                payload = await self._opened(attempt, payload)
            current_activity.set(attempt.info)
            if definition.is_async:
                args, kwargs = definition.signature.decode_input(payload)
                outcome = definition.signature.check_output(await definition.fn(*args, **kwargs))
            else:
                outcome = await self._threads.call(partial(_call_in_thread, attempt, payload), attempt)
            if isinstance(outcome, bytes):
                if payloads.touches(outcome) and not attempt.reported:
                    outcome = await self._sealed(attempt, outcome)
                if len(outcome) > PAYLOAD_BYTES:
                    raise _too_large(definition, outcome)
        except asyncio.CancelledError as error:
            outcome = cancelled("it was cancelled") if attempt.stopped_by else _own_cancellation(error, attempt)
        except BaseException as error:
            outcome = _described(error, attempt)
        self._ended(attempt, outcome)

    async def _opened(self, attempt: Attempt, payload: bytes) -> bytes:
        """The input, for code that begins now. Raises CancelledError when there is nobody left to tell what it does."""
        place = step_input(attempt.run_id, attempt.row.scheduled.step)
        payload = await self._pools.blobs(self._payloads.open, place, payload)
        if attempt.reported or attempt.stopped_by:
            raise asyncio.CancelledError
        attempt.begun_ms = self._clock()
        return payload

    async def _sealed(self, attempt: Attempt, result: bytes) -> bytes:
        place = step_result(attempt.run_id, attempt.row.scheduled.step)
        return await self._pools.blobs(self._payloads.seal, place, result)

    def close(self) -> None:
        """No task that an attempt has made runs again. Threads that hang are left behind."""
        self._tasks.close()
        self._threads.close()


def _call_in_thread(attempt: Attempt, payload: bytes) -> bytes | Failure:
    """In a user's thread: whatever is raised stays here."""
    try:
        definition = attempt.definition
        args, kwargs = definition.signature.decode_input(payload)
        return definition.signature.check_output(definition.fn(*args, **kwargs))
    except BaseException as error:
        return _described(error, attempt)


def _too_large(definition: ActivityDefinition, result: bytes) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"Expected the result of {definition.name} to have at most {PAYLOAD_BYTES} bytes but it has "
        f"{len(result)}: store the data elsewhere and return a reference."
    )


# What is reported


def _described(error: BaseException, attempt: Attempt) -> Failure:
    if type(error) is TaskExit:  # isinstance would ask the error for its class, which may be a property that raises
        error = error.__cause__ or error
    scheduled = attempt.row.scheduled
    attempt.next_delay_ms = next_delay_ms(error)
    failure = failure_of(error, refusals=attempt.definition.refusals, non_retryable=scheduled.retry.non_retryable)
    if failure.retryable and not _may_help(error, attempt):
        failure = msgspec.structs.replace(failure, retryable=False)
    if type(error) is Interrupted:  # it would block every worker again
        message = f"Expected {scheduled.activity} to let the event loop go on but it blocked it for too long: {_ADVICE}"
        return Failure(failure.type, message, APPLICATION, failure.stack, retryable=False)
    return failure


def _may_help(error: BaseException, attempt: Attempt) -> bool:
    """What the activity's ``retry_if`` says; a predicate that raises says nothing."""
    definition = attempt.definition
    if definition.retry_if is None or not isinstance(error, Exception):
        return True
    try:
        return bool(definition.retry_if(error))
    except BaseException:
        _log.exception("retry_if of %s: expected True or False, so the error is retried; %s", definition.name, attempt)
        return True


_ADVICE = "make it an ordinary function, which runs in a thread, or await what waits."


def _own_cancellation(error: BaseException, attempt: Attempt) -> Failure:
    """Something that it awaited was cancelled, by its own code: a failure like any other."""
    failure = failure_of(error, non_retryable=attempt.row.scheduled.retry.non_retryable)
    message = "a task that it awaited was cancelled, and nobody had asked for that"
    return Failure(failure.type, message, APPLICATION, failure.stack, failure.retryable)


def unknown(row: ActivityRow) -> Failure:
    """No such activity is registered here."""
    message = f"Expected activity {row.scheduled.activity!r} to be registered with this worker but it is not."
    return Failure("UnknownActivity", message)


def timed_out(attempt: Attempt) -> Failure:
    """It did not end in time."""
    limit_s = attempt.row.scheduled.timeout_ms / 1000
    message = f"{attempt.row.scheduled.activity} did not end within {limit_s:g} s (attempt {attempt.row.attempt})"
    return Failure("Timeout", message, TIMEOUT)


def cancelled(why: str) -> Failure:
    """It was asked to stop."""
    return Failure("Cancelled", why, CANCELLED, retryable=False)
