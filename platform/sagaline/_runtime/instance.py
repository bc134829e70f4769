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
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sagaline._model import events
from sagaline._model.events import Command, Event, PatchMarked
from sagaline._model.failure import TIMEOUT, Failure
from sagaline._model.ids import successor_of
from sagaline._model.limits import cut
from sagaline._runtime import set_order, watching
from sagaline._runtime.bugs import NotInHistory, UnknownStep, WorkflowBug, bug
from sagaline._runtime.calls import ROLLED_BACK, Calls
from sagaline._runtime.closing import close_all
from sagaline._runtime.commands import Recorded
from sagaline._runtime.endings import BUG, CANCELLED, CONTINUED, failure_from, meaning, next_input
from sagaline._runtime.failures import failure_of
from sagaline._runtime.flags import FORBIDDEN_CALLS_RAISE
from sagaline._runtime.generators import row
from sagaline._runtime.jobs import JOBS, in_order
from sagaline._runtime.jobs.run_started import read_input
from sagaline._runtime.messages.looking import look
from sagaline._runtime.patches import Patches
from sagaline._runtime.run import RunInfo
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.setup import Setup
from sagaline.errors import InvalidInput

_log = logging.getLogger("sagaline.workflow")
A = TypeVar("A")
R = TypeVar("R")
_get_running_loop, _set_running_loop = asyncio._get_running_loop, asyncio._set_running_loop


class Instance:
    """A run's code in memory. After WorkflowBug it may only be evicted. ``weight``, in bytes, is for who keeps it."""

    __slots__ = ("_context", "_lingers", "_loop", "finished", "weight")

    def __init__(self, run: RunInfo, setup: Setup) -> None:
        set_order.install()
        self._loop = _new_loop(run, setup)
        self._context = contextvars.Context()
        self.finished = False
        """True when the code has returned or raised, or was put away: it has nothing more to say."""
        self._lingers = False
        self.weight = 0

    def take_input(self, payload: bytes) -> None:
        """Reads the run's input, before it starts. Raises InvalidInput."""
        loop = self._loop
        try:
            if loop.run.workflow.signature.is_plain:  # none of the user's code takes part
                loop.body = read_input(loop, payload)
            else:
                loop.body = self._enter(partial(read_input, loop), payload)
        except InvalidInput:
            raise
        except BaseException as error:  # of a validator's, whatever it is: sys.exit() too
            failure = failure_of(error)
            raise InvalidInput(
                cut(
                    f"Expected the input of {loop.run.workflow.name} to be read but its types raised {failure.type}: "
                    f"{failure.message}"
                )
            ) from error

    def activate(self, jobs: Sequence[Event], at_ms: int) -> list[Command]:
        """Applies the jobs, runs the code until it is quiet, and returns what it asked for.

        Raises WorkflowBug, whatever the code raises; UnknownStep.
        """
        loop = self._loop
        commands = loop.commands
        loop.begin(at_ms)
        commands.begin()
        try:
            ended = self._enter(self._run, jobs if len(jobs) == 1 else in_order(jobs))
        except (WorkflowBug, UnknownStep, NotInHistory):
            raise
        except BaseException as error:  # sys.exit() and KeyboardInterrupt too: they end this run's turn, no more
            raise bug(error) from error
        if ended and not self._lingers:
            self.evict()
        listed, run = commands.listed, loop.run
        run.events += len(jobs) + len(listed)
        run.payload_bytes += commands.input_bytes
        return listed

    def replay(
        self, jobs: Sequence[Event], at_ms: int, recorded: Sequence[Event], is_cut: bool = False
    ) -> tuple[list[Command], list[str]]:
        """As ``activate``, silently; returns the place of each command in the code too. ``recorded`` and ``is_cut`` as
        in ``Recorded``."""
        commands = self._loop.commands
        commands.recorded = Recorded(recorded, is_cut)
        try:
            return self.activate(jobs, at_ms), commands.places
        except NotInHistory:
            return commands.listed, commands.places
        finally:
            commands.recorded = None

    def note_patches(self, markers: Sequence[PatchMarked]) -> None:
        """The markers of an activation that is replayed next: its code is told which patches it has."""
        commands = self._loop.commands
        if markers or commands.patches is not None:
            commands.patches = commands.patches or Patches()
            commands.patches.replaying(markers)

    def unasked_patch(self, recorded: Sequence[PatchMarked], asked: Sequence[Event]) -> int | None:
        """Which of the markers of a replayed activation the code should have asked for and has not."""
        patches = self._loop.commands.patches
        return None if patches is None else patches.unasked(recorded, asked)

    def stand_for(self, run_id: str) -> None:
        """What the code asks for from here on is that of another run, whose events are a copy, or its own with ""."""
        self._loop.run.stand_for(run_id, self._loop.table.count)

    def linger(self) -> None:
        """The instance stays as it is when its run ends, to be looked at."""
        self._lingers = True

    def look(self, what: str, code: Callable[[Any], Any]) -> Any:
        """Calls code that only looks at the run's object; NOT_BEGUN when there is none yet.

        Raises what the code raises; ChangedByLook, after which the instance may only be evicted.
        """
        return self._enter(partial(look, self._loop, what), code)

    @property
    def info(self) -> RunInfo:
        """The run."""
        return self._loop.run

    @property
    def sleeps(self) -> bool:
        """True when it waits for timers, and for no activity."""
        table = self._loop.table
        return not table.open and bool(table.timers)

    def sleeps_beyond(self, limit_ms: int) -> bool:
        """True when all of its timers are due after ``limit_ms``. Stops at the first that is not."""
        return all(int(handle.when() * 1000) > limit_ms for handle in self._loop.table.timers.values())

    def evict(self) -> None:
        """Puts the instance away: coroutines are closed here and now, and what they do on their way out is dropped.

        Never raises, whatever the code does.
        """
        if self.finished:
            return
        self.finished = True
        loop = self._loop
        loop.commands.closed = True
        if loop.tasks():
            self._enter(close_all, loop.tasks)
        loop.clear()

    def _run(self, jobs: Sequence[Event]) -> bool:
        """True when the code has returned or raised."""
        loop = self._loop
        run, commands = loop.run, loop.commands
        for job in jobs:
            JOBS[type(job)](loop, job)
        profile = watching.profile_for(run.workflow.name)
        if profile is not None and sys.getprofile() is not None:
            profile = None  # somebody else's
        loop.is_guarded = FORBIDDEN_CALLS_RAISE in run.flags
        try:
            if profile is not None:
                sys.setprofile(profile)
            loop.drain()
            while loop.wake_when_quiet():
                loop.drain()
        finally:
            if profile is not None:
                sys.setprofile(None)
            loop.is_guarded = False
        if (broken := commands.broken or loop.broken) is not None:
            raise broken
        mailbox = loop.table.mailbox
        if mailbox is not None and mailbox.handled:
            commands.add(events.SignalsHandled(mailbox.take_handled()))
        main = loop.main
        if main is None or not main.done():
            return False
        commands.add(_ending(loop, main))
        if mailbox is not None and not loop.is_replaying and (left := mailbox.left()):
            _log.warning("Run of %s ends and leaves %s", run.workflow_id, left)
        return True

    def _enter(self, code: Callable[[A], R], argument: A) -> R:
        """Runs code as this instance: it is the running loop, in its own context. Raises what the code raises."""
        loop = self._loop
        host_loop = _get_running_loop()
        host_task = _leave_host_task(host_loop) if _ONE_TASK_A_THREAD else None
        hooks = None
        if host_loop is None or row.loop is not host_loop:
            hooks = sys.get_asyncgen_hooks()
            sys.set_asyncgen_hooks(None, loop.finish_generator)
        _set_running_loop(loop)
        try:
            return self._context.run(code, argument)
        finally:
            _set_running_loop(host_loop)
            if hooks is not None:
                sys.set_asyncgen_hooks(*hooks)
            if _ONE_TASK_A_THREAD:
                _return_to_host_task(host_loop, host_task)


def _ending(loop: RunLoop, main: asyncio.Task[bytes]) -> Command:
    """How the run ends. Raises WorkflowBug when it does not."""
    error = _cancellation(main) if main.cancelled() else main.exception()
    end = "" if error is None else meaning(error, loop.cancel_reason is not None, loop.run.workflow.failure_types)
    if end == BUG and error is not None:
        raise bug(error)
    others = loop.table.others
    if end == CONTINUED and others is not None and others.gate is not None:
        others.gate.give_all_back()
    if loop.table.carried is not None:  # right before the end
        loop.commands.add(loop.table.carried)
    if error is None:
        saga = loop.run.workflow.saga
        return events.RunCompleted(main.result(), 0 if saga is None else saga.undo_window_ms)
    if end == CONTINUED:
        return events.RunContinued(successor_of(loop.run.run_id), next_input(error))
    rolled_back = loop.phase == ROLLED_BACK
    if end == CANCELLED and loop.run.timed_out:
        message = "The run has not ended by its deadline."
        return events.RunFailed(Failure("RunTimeout", message, TIMEOUT, retryable=False), rolled_back)
    if end == CANCELLED:
        return events.RunCancelled(loop.cancel_reason or "", rolled_back)
    return events.RunFailed(failure_from(error), rolled_back)


def _cancellation(main: asyncio.Task[bytes]) -> BaseException:
    place = None
    try:
        main.result()
    except asyncio.CancelledError as error:
        place = error.__traceback__
    return asyncio.CancelledError(
        "Expected the run to be cancelled by a request alone but a CancelledError left its code, which has cancelled "
        "a task and waits for it."
    ).with_traceback(place)


def _new_loop(run: RunInfo, setup: Setup) -> RunLoop:
    # typeshed calls the loop's other methods abstract; at run time they are there, and refuse
    loop = RunLoop(run, setup)  # type: ignore[abstract]  # pyright: ignore
    _implements: Calls = loop  # checked by the type checkers
    return loop


# From 3.14 a thread has one current task, not one a loop: the host's steps aside while the instance runs.
_ONE_TASK_A_THREAD = sys.version_info >= (3, 14)


def _leave_host_task(loop: asyncio.AbstractEventLoop | None) -> Any:
    return None if loop is None else asyncio.tasks._swap_current_task(loop, None)  # type: ignore[attr-defined]


def _return_to_host_task(loop: asyncio.AbstractEventLoop | None, task: Any) -> None:
    if loop is not None:
        asyncio.tasks._swap_current_task(loop, task)  # type: ignore[attr-defined]
