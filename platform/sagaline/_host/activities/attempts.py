"""One attempt of an activity: from its row to a result or a failure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from sagaline._engine.tables.activities import ActivityRow
from sagaline._host.activities.threads import UserThreads
from sagaline._host.activities.user_code import TaskExit, UserCode, UserTasks
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._model.failure import APPLICATION, CANCELLED, TIMEOUT, Failure
from sagaline._model.ids import idempotency_key
from sagaline._model.limits import PAYLOAD_BYTES
from sagaline._payloads import step_input, step_result
from sagaline._runtime.activities import ActivityInfo, ForwardStep
from sagaline._runtime.context import current_activity
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.failures import failure_of
from sagaline._runtime.interrupt import Interrupted
from sagaline.errors import PayloadTooLarge

Place = tuple[str, int]
"""A partition of a namespace: a process may work for several."""


class Key(NamedTuple):
    """A step of a run: ids of runs are unique within a namespace."""

    place: Place
    run_id: str
    step: int


@dataclass(slots=True, eq=False)
class Attempt:
    """An attempt that waits, runs, or goes on after it was reported. Of those of a ``key`` the newest counts."""

    key: Key
    row: ActivityRow
    definition: ActivityDefinition
    task: asyncio.Task[bytes | Failure] | None = None
    timer: asyncio.TimerHandle | None = None
    deadline_s: float = 0.0  # on the loop's clock
    stopped_by: str = ""
    reported: bool = False
    looks: int = 0
    code: UserCode | None = None  # on the loop
    thread: int | None = None

    def __str__(self) -> str:
        scheduled = self.row.scheduled
        return (
            f"{scheduled.activity} of {self.row.workflow_id!r} (run {self.key.run_id}, step {scheduled.step}, "
            f"attempt {self.row.attempt})"
        )


class Performer:
    """Performs attempts. ``perform`` never raises: every way out of an attempt is something to report."""

    def __init__(self, options: HostOptions, pools: Pools) -> None:
        self._options, self._pools = options, pools
        self._threads = UserThreads(options.activity_threads)
        self._tasks = UserTasks(asyncio.get_running_loop(), options.running)

    async def perform(self, attempt: Attempt) -> bytes | Failure:
        """The result as it is recorded, or the failure. Cancelled before it has begun, it raises CancelledError."""
        payloads, row, run_id = self._options.payloads, attempt.row, attempt.key.run_id
        payload, step = row.scheduled.input, row.scheduled.step
        try:
            if not payloads.is_open(payload):
                payload = await self._pools.blobs(payloads.open, step_input(run_id, step), payload)
                if attempt.reported:
                    return cancelled("its time was over before it began")
            current_activity.set(self._info(attempt))
            if attempt.definition.is_async:
                names = (row.workflow_id, run_id, row.scheduled.activity)
                attempt.code = UserCode(_call(attempt.definition, payload), self._tasks, names)
                result: bytes | Failure = await attempt.code
            else:
                result = await self._threads.call(lambda: _call_in_thread(attempt, payload), attempt)
            if isinstance(result, bytes) and payloads.touches(result) and not attempt.reported:
                result = await self._pools.blobs(payloads.seal, step_result(run_id, step), result)
            return result if isinstance(result, Failure) else _bounded(attempt.definition, result)
        except asyncio.CancelledError as error:
            return cancelled("it was cancelled") if attempt.stopped_by else _own_cancellation(error, attempt)
        except BaseException as error:
            return _described(error, attempt)

    def close(self) -> None:
        """No task that an attempt has made runs again. Threads that hang are left behind."""
        self._tasks.close()
        self._threads.close()

    def _info(self, attempt: Attempt) -> ActivityInfo:
        scheduled, run_id = attempt.row.scheduled, attempt.key.run_id
        forward = None
        if scheduled.compensates is not None:
            forward = ForwardStep(idempotency_key(run_id, scheduled.compensates), scheduled.outcome or "unknown")
        return ActivityInfo(
            attempt.row.workflow_id,
            run_id,
            scheduled.activity,
            scheduled.step,
            attempt.row.attempt,
            idempotency_key(run_id, scheduled.step),
            (self._options.clock() + scheduled.timeout_ms) / 1000,
            forward,
        )


async def _call(definition: ActivityDefinition, payload: bytes) -> bytes:
    args, kwargs = definition.signature.decode_input(payload)
    return definition.signature.check_output(await definition.fn(*args, **kwargs))


def _call_in_thread(attempt: Attempt, payload: bytes) -> bytes | Failure:
    """In a user's thread: whatever is raised stays here."""
    try:
        definition = attempt.definition
        args, kwargs = definition.signature.decode_input(payload)
        return definition.signature.check_output(definition.fn(*args, **kwargs))
    except BaseException as error:
        return _described(error, attempt)


def _bounded(definition: ActivityDefinition, result: bytes) -> bytes:
    if len(result) > PAYLOAD_BYTES:
        raise PayloadTooLarge(
            f"Expected the result of {definition.name} to have at most {PAYLOAD_BYTES} bytes but it has "
            f"{len(result)}: store the data elsewhere and return a reference."
        )
    return result


# What is reported


def _described(error: BaseException, attempt: Attempt) -> Failure:
    if type(error) is TaskExit:  # isinstance would ask the error for its class, which may be a property that raises
        error = error.__cause__ or error
    scheduled = attempt.row.scheduled
    failure = failure_of(error, refusals=attempt.definition.refusals, non_retryable=scheduled.retry.non_retryable)
    if type(error) is Interrupted:  # it would block every worker again
        message = f"Expected {scheduled.activity} to let the event loop go on but it blocked it for too long: {_ADVICE}"
        return Failure(failure.type, message, APPLICATION, failure.stack, retryable=False)
    return failure


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
