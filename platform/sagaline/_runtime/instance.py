"""One workflow instance: an activation in, commands out. It is the event loop that its code runs on.

Contract:
- all jobs of an activation are applied before the loop runs; commands leave when it is quiet;
- nothing here reads a clock, draws a random number or does I/O;
- an exception that is no FailureError is a bug in the code: ``WorkflowBug`` leaves ``activate``, the commands of
  that activation are dropped and the instance is of no further use.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import sys
import traceback
import zlib
from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property, partial
from typing import Any, cast

from sagaline._model import events
from sagaline._model.events import Command, Event
from sagaline._model.failure import BUG, RetryPolicy
from sagaline._model.failure import Failure as FailureData
from sagaline._runtime import context as runtime_context
from sagaline._runtime.definitions import ActivityDefinition, Registry, WorkflowDefinition
from sagaline._runtime.loop import DeterministicLoop, caller
from sagaline._runtime.sagas import rollback as saga
from sagaline._runtime.signatures import Unserialisable
from sagaline._runtime.steps import COMPLETED, Step, outcome_of
from sagaline.errors import ActivityError, FailureError, InvalidInput


class WorkflowBug(Exception):
    """The workflow's code raised something that is no failure; ``failure`` describes it for the history."""

    def __init__(self, failure: FailureData, reason: str = "bug") -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.reason = reason


class UnknownStep(Exception):
    """History has an outcome for a step that this code never asked for."""

    def __init__(self, job: Event) -> None:
        super().__init__(f"{job}")
        self.job = job


class Evicted(BaseException):
    """Raised in code that still runs while its instance is put away: nothing it does counts any more."""


# Jobs of one activation are applied in this order, then in that of their events.
_RANKS: dict[type[Event], int] = {events.RunStarted: 0, events.CancelRequested: 2}


class Instance(DeterministicLoop):
    """A run's code in memory. ``is_replaying`` is true while history is replayed; loggers are silent then."""

    def __init__(self, workflow: WorkflowDefinition, registry: Registry, workflow_id: str, run_id: str) -> None:
        super().__init__(zlib.crc32(run_id.encode()) << 20)
        self.workflow = workflow
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.is_replaying = False
        self.where: list[str] = []  # file and line of each command, kept in replay alone
        self.started_ms = 0
        self._registry = registry
        self._context = contextvars.Context()
        self._commands: list[Command] = []
        self._step_count = 0
        self.steps: dict[int, Step] = {}  # by number, in the order they started
        self._open: dict[int, Step] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._timer_numbers: dict[int, int] = {}  # by id of the handle, which _timers keeps alive
        self._body: Callable[[], Coroutine[Any, Any, Any]] | None = None
        self._main: asyncio.Task[Any] | None = None
        self._cancel_reason: str | None = None
        self.is_rolling_back = False
        self.rolled_back = False
        self._evicted = False

    # The activation

    def activate(self, jobs: Sequence[Event], at_ms: int) -> list[Command]:
        """Applies the jobs, runs the code until it is quiet, and returns what it asked for. Raises WorkflowBug."""
        assert at_ms >= self._now_ms, "time never goes back in a run"
        self._now_ms = at_ms
        self._commands = []
        self.where = []
        if len(jobs) > 1:
            jobs = sorted(jobs, key=lambda job: _RANKS.get(type(job), 1))
        self._enter(self._run, jobs)
        if self._main is not None and self._main.done():
            self.evict()
        return self._commands

    def _run(self, jobs: Sequence[Event]) -> None:
        for job in jobs:
            _APPLY[type(job)](self, job)
        self.drain()
        if self._unhandled is not None:
            raise bug(self._unhandled)
        if self._main is not None and self._main.done():
            self._finish(self._main)

    def _finish(self, main: asyncio.Task[Any]) -> None:
        if main.cancelled():
            if self._cancel_reason is None:
                raise bug(asyncio.CancelledError("the workflow was cancelled from inside"))
            self._commands.append(events.RunCancelled(self._cancel_reason, self.rolled_back))
        elif (error := main.exception()) is None:
            try:
                result = self.workflow.signature.encode_output(main.result())
            except Unserialisable as unserialisable:
                raise bug(unserialisable) from unserialisable
            self._commands.append(events.RunCompleted(result))
        elif isinstance(error, FailureError) and not isinstance(error, saga.CompensationFailed):
            self._commands.append(events.RunFailed(error.failure, self.rolled_back))
        else:
            raise bug(error)

    @property
    def finished(self) -> bool:
        """True when the code has returned or raised: it has nothing more to say."""
        return self._evicted

    def sleeps_beyond(self, limit_ms: int) -> bool:
        """True when it waits for timers alone, all of them due after ``limit_ms``. Stops at the first that is not."""
        if self._open or not self._timers:
            return False
        return all(int(handle.when() * 1000) > limit_ms for handle in self._timers.values())

    def evict(self) -> None:
        """Puts the instance away: coroutines are closed here and now, and cannot do anything on their way out."""
        if self._evicted:
            return
        self._evicted = True
        self._ready.clear()
        if self._tasks:
            self._enter(self._close_tasks)
        # what refers back to the loop goes now, so that no garbage collection has to find it
        self._ready.clear()
        self._tasks.clear()
        self.steps.clear()
        self._open.clear()
        self._timers.clear()
        self._main = None

    def _close_tasks(self) -> None:
        for task in list(self._tasks.values()):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            try:
                cast("Coroutine[Any, Any, Any]", task.get_coro()).close()
            except (RuntimeError, Evicted):
                pass  # it awaited or asked for something in a finally block

    def _enter(self, code: Callable[..., None], *args: Any) -> None:
        """Runs code as this instance: it is the running loop, in its own context."""
        host_loop = asyncio._get_running_loop()
        host_task = _leave_host_task(host_loop)
        asyncio._set_running_loop(self)
        try:
            self._context.run(code, *args)
        finally:
            asyncio._set_running_loop(host_loop)
            _return_to_host_task(host_loop, host_task)

    # Jobs

    def take_input(self, payload: bytes) -> None:
        """Reads the run's input, before it starts. Raises InvalidInput."""
        args, kwargs = self.workflow.signature.decode_input(payload)
        self._body = partial(self.workflow.fn, *args, **kwargs)

    def apply_started(self, job: events.RunStarted) -> None:
        self.started_ms = self._now_ms
        if self._body is None:
            try:
                self.take_input(job.input)
            except InvalidInput as error:
                raise bug(error) from error
        body, self._body = self._body, None
        assert body is not None
        self._main = self.create_task(saga.run(self, body) if self.workflow.is_saga else _plain(body), name="main")

    def _take(self, job: events.ActivityCompleted | events.ActivityFailed) -> Step:
        step = self._open.pop(job.step, None)
        if step is None:
            raise UnknownStep(job)
        return step

    def apply_completed(self, job: events.ActivityCompleted) -> None:
        step = self._take(job)
        step.settle(COMPLETED, job.result)
        if not step.future.done():
            try:
                step.future.set_result(step.activity.signature.decode_output(job.result))
            except InvalidInput as error:
                raise bug(error) from error

    def apply_failed(self, job: events.ActivityFailed) -> None:
        step = self._take(job)
        step.settle(outcome_of(job.failure))
        if not step.future.done():
            step.future.set_exception(ActivityError(step.activity.name, job.failure))

    def apply_timer(self, job: events.TimerFired) -> None:
        handle = self._timers.pop(job.step, None)
        if handle is None:
            raise UnknownStep(job)
        del self._timer_numbers[id(handle)]
        self._ready.append(handle)

    def apply_cancel(self, job: events.CancelRequested) -> None:
        self._cancel_reason = job.reason
        if self._main is not None and not self.is_rolling_back:
            self._main.cancel(job.reason)

    def apply_nothing(self, job: Event) -> None:
        """Events that the engine handles without the code: attempts, parking."""

    # What code asks for

    @cached_property
    def random(self) -> random.Random:
        """The run's own generator, seeded by its id."""
        return random.Random(self.run_id)

    @property
    def now_ms(self) -> int:
        """The activation's time, in milliseconds since 1970."""
        return self._now_ms

    def live_tasks(self) -> list[asyncio.Task[Any]]:
        """Tasks of the run other than the calling one, in order of creation."""
        here = asyncio.current_task(self)
        return [task for task in self._tasks.values() if task is not here and not task.done()]

    async def call(self, activity: ActivityDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls an activity and waits for its outcome."""
        step = self.schedule(activity, activity.signature.encode_input(args, kwargs))
        try:
            return await step.future
        except asyncio.CancelledError:
            if step.outcome is None:
                self._emit(events.ActivityCancelRequested(step.number))
            raise

    def schedule(
        self,
        activity: ActivityDefinition,
        payload: bytes,
        *,
        compensates: Step | None = None,
        retry: RetryPolicy | None = None,
    ) -> Step:
        """Asks for an activity; the intent is recorded before it can have any effect."""
        if activity.name not in self._registry.activities:
            known = ", ".join(sorted(self._registry.activities)) or "none"
            raise LookupError(
                f"Expected activity {activity.name!r} to be registered with the worker but it has: {known}. "
                f"Add it to Worker(activities=[...])."
            )
        self._step_count += 1
        step = Step(self._step_count, activity, payload, self.create_future())
        self._emit(
            events.ActivityScheduled(
                step.number,
                activity.name,
                payload,
                activity.options.timeout_ms,
                retry or activity.options.retry,
                activity.compensation.name if activity.compensation else None,
                compensates.number if compensates else None,
                compensates.outcome if compensates else None,
            )
        )
        self.steps[step.number] = self._open[step.number] = step
        return step

    def start_timer(self, due_ms: int, handle: asyncio.TimerHandle) -> None:
        self._step_count += 1
        self._emit(events.TimerStarted(self._step_count, due_ms))
        self._timers[self._step_count] = handle
        self._timer_numbers[id(handle)] = self._step_count

    def stop_timer(self, handle: asyncio.TimerHandle) -> None:
        number = self._timer_numbers.pop(id(handle), None)
        if number is not None:
            del self._timers[number]
            if not self._evicted:
                self._emit(events.TimerCancelled(number))

    def _emit(self, command: Command) -> None:
        if self._evicted:
            raise Evicted
        self._commands.append(command)
        if self.is_replaying:
            self.where.append(caller())


_APPLY: dict[type[Event], Callable[[Any, Any], None]] = {
    events.RunStarted: Instance.apply_started,
    events.ActivityCompleted: Instance.apply_completed,
    events.ActivityFailed: Instance.apply_failed,
    events.TimerFired: Instance.apply_timer,
    events.CancelRequested: Instance.apply_cancel,
    events.ActivityAttemptFailed: Instance.apply_nothing,
    events.RunParked: Instance.apply_nothing,
    events.RunResumed: Instance.apply_nothing,
}
JOBS = frozenset(_APPLY) - {events.ActivityAttemptFailed, events.RunParked, events.RunResumed}
runtime_context.instance_type = Instance


async def _plain(body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The main task of a workflow that is no saga; nothing of it exists if it is cancelled before it starts."""
    return await body()


def new_instance(workflow: WorkflowDefinition, registry: Registry, workflow_id: str, run_id: str) -> Instance:
    """An instance that waits for its first activation."""
    # typeshed calls the loop's other methods abstract; at run time they are there, and refuse
    return Instance(workflow, registry, workflow_id, run_id)  # type: ignore[abstract]  # pyright: ignore


def bug(error: BaseException) -> WorkflowBug:
    """An exception of the code as a reason to park the run."""
    stack = "".join(traceback.format_exception(error, limit=-20))
    reason = "compensation" if isinstance(error, saga.CompensationFailed) else "bug"
    message = f"{error}" or type(error).__name__
    return WorkflowBug(FailureData(type(error).__name__, message, BUG, stack[-4000:], retryable=False), reason)


def _leave_host_task(loop: asyncio.AbstractEventLoop | None) -> Any:
    """From 3.14 a thread has one current task, not one a loop: the host's steps aside while the instance runs."""
    if sys.version_info >= (3, 14) and loop is not None:
        return asyncio.tasks._swap_current_task(loop, None)
    return None


def _return_to_host_task(loop: asyncio.AbstractEventLoop | None, task: Any) -> None:
    if sys.version_info >= (3, 14) and loop is not None:
        asyncio.tasks._swap_current_task(loop, task)
