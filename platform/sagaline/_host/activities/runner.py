"""Runs attempts of local activities: async ones on the loop, ordinary functions in threads.

Results are collected and reported once a turn of the loop, so that many of them become one batch of appends.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sagaline._engine.effects import StartActivity
from sagaline._engine.tables.activities import ActivityRow
from sagaline._host import crash_points
from sagaline._host.options import PAYLOAD_LIMIT, HostOptions
from sagaline._model.failure import APPLICATION, CANCELLED, TIMEOUT, Failure
from sagaline._model.ids import idempotency_key
from sagaline._model.records import ActivityResult
from sagaline._payloads import is_sealed
from sagaline._runtime.activities import ActivityInfo, ForwardStep
from sagaline._runtime.context import current_activity
from sagaline._runtime.definitions import ActivityDefinition, Registry
from sagaline._runtime.signatures import Unserialisable
from sagaline.errors import ApplicationError, InvalidInput, PayloadTooLarge

_log = logging.getLogger("sagaline.activities")
Place = tuple[str, int]
"""A partition of a namespace: a process may work for several."""
Report = Callable[[Place, list[ActivityResult]], None]


class Key(NamedTuple):
    """A step of a run: ids of runs are unique within a namespace."""

    place: Place
    run_id: str
    step: int


@dataclass(slots=True)
class _Attempt:
    """One attempt that runs or waits for its turn. Of the attempts of a ``key`` the newest counts."""

    key: Key
    run_id: str
    row: ActivityRow
    task: asyncio.Future[Any] | None = None
    deadline: asyncio.TimerHandle | None = None
    stopped_by: str = ""
    reported: bool = False


class ActivityRunner:
    """All attempts of a process. ``report`` gets results by place."""

    def __init__(self, registry: Registry, options: HostOptions, report: Report) -> None:
        self._registry, self._options, self._report = registry, options, report
        self._loop = asyncio.get_running_loop()
        self._running: dict[Key, _Attempt] = {}
        self._waiting: deque[_Attempt] = deque()
        self._launched: list[_Attempt] = []
        self._active = 0
        self._results: dict[Place, list[ActivityResult]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._draining = False
        self._open_bytes = 0
        self._room = asyncio.Event()

    # Starting and stopping attempts

    def start(self, place: Place, effect: StartActivity) -> None:
        """Runs an attempt, when there is room; one that is running already is left to run."""
        key = Key(place, effect.run_id, effect.row.scheduled.step)
        running = self._running.get(key)
        if running is not None and running.row.attempt == effect.row.attempt:
            return
        if running is not None:
            self._drop(running)
        attempt = self._running[key] = _Attempt(key, effect.run_id, effect.row)
        self._open_bytes += len(effect.row.scheduled.input)
        if effect.row.cancel_requested:
            self._finish(attempt, None, _cancelled("its worker stopped while it was being cancelled"))
        elif self._active >= self._options.concurrent_activities or self._draining:
            self._waiting.append(attempt)
        else:
            self._launch(attempt)

    def cancel(self, place: Place, run_id: str, step: int) -> None:
        """Stops an attempt; its outcome is reported."""
        attempt = self._running.get(Key(place, run_id, step))
        if attempt is None or attempt.reported:
            return
        attempt.stopped_by = attempt.stopped_by or CANCELLED
        if attempt.task is None:
            self._finish(attempt, None, _cancelled("it was cancelled before it began"))
        else:
            attempt.task.cancel()

    def forget(self, place: Place, run_id: str, step: int) -> None:
        """Stops an attempt whose outcome nobody hears."""
        attempt = self._running.get(Key(place, run_id, step))
        if attempt is not None:
            attempt.reported = True
            self._close(attempt)
            if attempt.task is not None:
                attempt.task.cancel()

    def abandon(self, place: Place) -> None:
        """The partition is another worker's: its attempts are stopped and not reported."""
        for attempt in [one for one in self._running.values() if one.key.place == place]:
            self.forget(*attempt.key)
        self._results.pop(place, None)

    async def drain(self, grace_s: float) -> None:
        """Starts nothing more and waits for what runs, for a bounded time; then stops it."""
        self._draining = True
        tasks = [one.task for one in self._running.values() if one.task is not None and not one.reported]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
            await asyncio.sleep(0)

    def close(self) -> None:
        """Stops everything, unreported: it is attempted again elsewhere."""
        for key in list(self._running):
            self.forget(*key)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def is_full(self) -> bool:
        """True when more work should not be taken in: attempts that run or wait are many, or have large inputs."""
        options = self._options
        return len(self._running) > 4 * options.concurrent_activities or self._open_bytes > options.activity_bytes

    async def room(self) -> None:
        """Waits until there is room for more."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    # One attempt

    def _launch(self, attempt: _Attempt) -> None:
        scheduled = attempt.row.scheduled
        definition = self._registry.activities.get(scheduled.activity)
        if definition is None:
            message = f"Expected activity {scheduled.activity!r} to be registered with this worker but it is not."
            self._finish(attempt, None, Failure("UnknownActivity", message))
            return
        self._active += 1
        if definition.is_async:
            attempt.task = self._loop.create_task(self._run(attempt, definition))
        else:
            context = contextvars.copy_context()
            pool = self._pool()
            work = partial(self._run_in_thread, attempt, definition)
            attempt.task = self._loop.run_in_executor(pool, context.run, work)
        attempt.task.add_done_callback(partial(self._done, attempt, definition))
        if not self._launched:
            self._loop.call_soon(self._loop.call_soon, self._arm)  # after this turn's attempts have run
        self._launched.append(attempt)

    def _arm(self) -> None:
        """Sets the deadlines of attempts that did not end within the turn they began in."""
        launched, self._launched = self._launched, []
        for attempt in launched:
            if not attempt.reported and attempt.task is not None and not attempt.task.done():
                timeout_s = attempt.row.scheduled.timeout_ms / 1000
                attempt.deadline = self._loop.call_later(timeout_s, self._time_out, attempt)

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._options.activity_threads, "sagaline-activity")
        return self._threads

    async def _run(self, attempt: _Attempt, definition: ActivityDefinition) -> bytes:
        current_activity.set(self._info(attempt))
        payloads, payload = self._options.payloads, attempt.row.scheduled.input
        if is_sealed(payload):
            payload = await asyncio.to_thread(payloads.open, payload)
        args, kwargs = definition.signature.decode_input(payload)
        result = definition.signature.encode_output(await definition.fn(*args, **kwargs))
        if payloads.touches(result):
            return await asyncio.to_thread(payloads.seal, attempt.run_id, result)
        return result

    def _run_in_thread(self, attempt: _Attempt, definition: ActivityDefinition) -> bytes:
        current_activity.set(self._info(attempt))
        payloads = self._options.payloads
        args, kwargs = definition.signature.decode_input(payloads.open(attempt.row.scheduled.input))
        return payloads.seal(attempt.run_id, definition.signature.encode_output(definition.fn(*args, **kwargs)))

    def _info(self, attempt: _Attempt) -> ActivityInfo:
        scheduled = attempt.row.scheduled
        forward = None
        if scheduled.compensates is not None:
            key = idempotency_key(attempt.run_id, scheduled.compensates)
            forward = ForwardStep(key, scheduled.outcome or "unknown")
        return ActivityInfo(
            attempt.row.workflow_id,
            attempt.run_id,
            scheduled.activity,
            scheduled.step,
            attempt.row.attempt,
            idempotency_key(attempt.run_id, scheduled.step),
            (self._options.clock() + scheduled.timeout_ms) / 1000,
            forward,
        )

    def _time_out(self, attempt: _Attempt) -> None:
        attempt.stopped_by = attempt.stopped_by or TIMEOUT
        assert attempt.task is not None
        cancelled = attempt.task.cancel()
        if not cancelled or not isinstance(attempt.task, asyncio.Task):  # a thread goes on by itself
            self._finish(attempt, None, _timed_out(attempt.row))

    def _done(self, attempt: _Attempt, definition: ActivityDefinition, task: asyncio.Future[bytes]) -> None:
        if crash_points.armed:
            crash_points.reach("after-activity")
        self._active -= 1
        attempt.task = None
        if task.cancelled():
            if attempt.stopped_by == TIMEOUT:
                self._finish(attempt, None, _timed_out(attempt.row))
            else:
                self._finish(attempt, None, _cancelled("it was cancelled"))
        elif (error := task.exception()) is not None:
            timed_out = attempt.stopped_by == TIMEOUT and isinstance(error, TimeoutError)
            self._finish(attempt, None, _timed_out(attempt.row) if timed_out else failure_of(error, definition))
        else:
            result = task.result()
            self._finish(attempt, result, _too_large(definition, result))
        while self._waiting and self._active < self._options.concurrent_activities and not self._draining:
            waiting = self._waiting.popleft()
            if not waiting.reported:
                self._launch(waiting)

    def _finish(self, attempt: _Attempt, result: bytes | None, failure: Failure | None) -> None:
        if attempt.reported:
            return
        attempt.reported = True
        self._close(attempt)
        row = attempt.row
        if not self._results:
            self._loop.call_soon(self._flush)
        self._results.setdefault(attempt.key.place, []).append(
            ActivityResult(
                row.workflow_id,
                attempt.run_id,
                row.scheduled.step,
                row.attempt,
                None if failure else result,
                failure,
            )
        )

    def _close(self, attempt: _Attempt) -> None:
        if attempt.deadline is not None:
            attempt.deadline.cancel()
        if self._running.get(attempt.key) is attempt:
            self._drop(attempt)
            if not self._room.is_set() and not self.is_full:
                self._room.set()

    def _drop(self, attempt: _Attempt) -> None:
        del self._running[attempt.key]
        self._open_bytes -= len(attempt.row.scheduled.input)

    def _flush(self) -> None:
        results, self._results = self._results, {}
        for place, found in results.items():
            self._report(place, found)


def failure_of(error: BaseException, definition: ActivityDefinition) -> Failure:
    """An activity's exception as data. Retryable unless it says otherwise; a declared refusal is clean."""
    stack = "".join(traceback.format_exception(error, limit=-20))[-4000:]
    if isinstance(error, definition.refusals):
        kind = getattr(error, "type", type(error).__name__)
        return Failure(kind, str(error), APPLICATION, stack, retryable=False, clean=True)
    if isinstance(error, ApplicationError):
        found = error.failure
        return Failure(found.type, found.message, APPLICATION, stack, retryable=error.retryable)
    retryable = not isinstance(error, InvalidInput | Unserialisable | PayloadTooLarge)
    return Failure(type(error).__name__, str(error) or repr(error), APPLICATION, stack, retryable)


def _timed_out(row: ActivityRow) -> Failure:
    limit_s = row.scheduled.timeout_ms / 1000
    message = f"{row.scheduled.activity} did not end within {limit_s:g} s (attempt {row.attempt})"
    return Failure("Timeout", message, TIMEOUT)


def _cancelled(why: str) -> Failure:
    return Failure("Cancelled", why, CANCELLED, retryable=False)


def _too_large(definition: ActivityDefinition, result: bytes) -> Failure | None:
    if len(result) <= PAYLOAD_LIMIT:
        return None
    message = (
        f"Expected the result of {definition.name} to have at most {PAYLOAD_LIMIT} bytes but it has {len(result)}: "
        f"store the data elsewhere and return a reference."
    )
    return Failure("PayloadTooLarge", message, APPLICATION, retryable=False)
