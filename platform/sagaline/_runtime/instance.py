"""One workflow instance: an activation in, commands out.

Contract:
- all jobs of an activation are applied before the loop runs; commands leave when it is quiet;
- nothing here reads a clock, draws a random number or does I/O;
- an exception that is no failure is a bug in the code: ``WorkflowBug`` leaves ``activate``, the commands of
  that activation are dropped and the instance is of no further use.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from sagaline._model import events
from sagaline._model.events import Command, Event
from sagaline._runtime.bugs import CompensationFailed, Evicted, bug
from sagaline._runtime.calls import Calls
from sagaline._runtime.definitions import Registry, WorkflowDefinition
from sagaline._runtime.jobs import JOBS, in_order
from sagaline._runtime.run import RunInfo
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.signatures import Unserialisable
from sagaline.errors import FailureError


class Instance:
    """A run's code in memory."""

    __slots__ = ("_context", "_evicted", "_loop")

    def __init__(self, run: RunInfo, registry: Registry) -> None:
        self._loop = _new_loop(run, registry)
        self._context = contextvars.Context()
        self._evicted = False

    def take_input(self, payload: bytes) -> None:
        """Reads the run's input, before it starts. Raises InvalidInput."""
        self._loop.take_input(payload)

    def activate(self, jobs: Sequence[Event], at_ms: int) -> list[Command]:
        """Applies the jobs, runs the code until it is quiet, and returns what it asked for. Raises WorkflowBug."""
        loop = self._loop
        loop.advance(at_ms)
        loop.commands.begin()
        self._enter(self._run, in_order(jobs))
        if loop.main is not None and loop.main.done():
            self.evict()
        return loop.commands.listed

    def replay(self, jobs: Sequence[Event], at_ms: int) -> tuple[list[Command], list[str]]:
        """As ``activate``, silently; returns the place of each command in the code too."""
        commands = self._loop.commands
        commands.is_replaying = True
        try:
            return self.activate(jobs, at_ms), commands.places
        finally:
            commands.is_replaying = False

    @property
    def info(self) -> RunInfo:
        """The run."""
        return self._loop.run

    @property
    def finished(self) -> bool:
        """True when the code has returned or raised: it has nothing more to say."""
        return self._evicted

    def sleeps_beyond(self, limit_ms: int) -> bool:
        """True when it waits for timers alone, all of them due after ``limit_ms``. Stops at the first that is not."""
        table = self._loop.table
        if table.open or not table.timers:
            return False
        return all(int(handle.when() * 1000) > limit_ms for handle in table.timers.values())

    def evict(self) -> None:
        """Puts the instance away: coroutines are closed here and now, and cannot do anything on their way out."""
        if self._evicted:
            return
        self._evicted = True
        loop = self._loop
        loop.commands.closed = True
        if loop.tasks():
            self._enter(self._close_tasks)
        loop.clear()

    def _run(self, jobs: Sequence[Event]) -> None:
        loop = self._loop
        for job in jobs:
            JOBS[type(job)](loop, job)
        loop.drain()
        if loop.unhandled is not None:
            raise bug(loop.unhandled)
        if loop.main is not None and loop.main.done():
            loop.commands.add(_ending(loop, loop.main))

    def _close_tasks(self) -> None:
        for task in self._loop.tasks():
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            try:
                cast("Coroutine[Any, Any, Any]", task.get_coro()).close()
            except (RuntimeError, Evicted):
                pass  # it awaited or asked for something in a finally block

    def _enter(self, code: Callable[..., None], *args: Any) -> None:
        """Runs code as this instance: it is the running loop, in its own context."""
        host_loop = asyncio._get_running_loop()
        host_task = _leave_host_task(host_loop)
        asyncio._set_running_loop(self._loop)
        try:
            self._context.run(code, *args)
        finally:
            asyncio._set_running_loop(host_loop)
            _return_to_host_task(host_loop, host_task)


def _ending(loop: RunLoop, main: asyncio.Task[Any]) -> Command:
    """How the run ends. Raises WorkflowBug when it does not."""
    if main.cancelled():
        if loop.cancel_reason is None:
            raise bug(asyncio.CancelledError("the workflow was cancelled from inside"))
        return events.RunCancelled(loop.cancel_reason, loop.rolled_back)
    error = main.exception()
    if error is None:
        try:
            return events.RunCompleted(loop.run.workflow.signature.encode_output(main.result()))
        except Unserialisable as unserialisable:
            raise bug(unserialisable) from unserialisable
    if isinstance(error, FailureError) and not isinstance(error, CompensationFailed):
        return events.RunFailed(error.failure, loop.rolled_back)
    raise bug(error)


def new_instance(workflow: WorkflowDefinition, registry: Registry, workflow_id: str, run_id: str) -> Instance:
    """An instance that waits for its first activation."""
    return Instance(RunInfo(workflow, workflow_id, run_id), registry)


def _new_loop(run: RunInfo, registry: Registry) -> RunLoop:
    # typeshed calls the loop's other methods abstract; at run time they are there, and refuse
    loop = RunLoop(run, registry)  # type: ignore[abstract]  # pyright: ignore
    _implements: Calls = loop  # checked by the type checkers
    return loop


def _leave_host_task(loop: asyncio.AbstractEventLoop | None) -> Any:
    """From 3.14 a thread has one current task, not one a loop: the host's steps aside while the instance runs."""
    if sys.version_info >= (3, 14) and loop is not None:
        return asyncio.tasks._swap_current_task(loop, None)
    return None


def _return_to_host_task(loop: asyncio.AbstractEventLoop | None, task: Any) -> None:
    if sys.version_info >= (3, 14) and loop is not None:
        asyncio.tasks._swap_current_task(loop, task)
