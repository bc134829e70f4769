"""The loop that a run's code runs on: asyncio as it is, and what the code asks for becomes commands."""

from __future__ import annotations

import asyncio
import inspect
import random
import zlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import partial
from typing import Any

from sagaline._model import events
from sagaline._model.activities import PIVOT, SagaStep
from sagaline._model.failure import RetryPolicy
from sagaline._runtime import collector
from sagaline._runtime.calls import FORWARD
from sagaline._runtime.commands import Commands
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.flags import BOUNDED_ACTIVATIONS, BOUNDED_PAYLOADS, SETS_IN_ORDER
from sagaline._runtime.loop import DeterministicLoop, WorkflowTask, WorkflowTimer
from sagaline._runtime.messages.mailbox import Mailbox
from sagaline._runtime.payload_bounds import SMALL_BYTES, check_arguments, encode_answer
from sagaline._runtime.run import RunInfo
from sagaline._runtime.sagas import pivots
from sagaline._runtime.sagas.scopes import Sagas, Scope, root_of
from sagaline._runtime.setup import Setup
from sagaline._runtime.steps import Step, Steps, Undo

_OLD_BOUNDS = 10
_CREATED = inspect.CORO_CREATED
Body = Callable[[], Coroutine[Any, Any, Any]]


class RunLoop(DeterministicLoop):
    """Implements ``Calls`` for the code; ``main`` is the task that runs the workflow's function."""

    def __init__(self, run: RunInfo, setup: Setup) -> None:
        bounds = setup.bounds if BOUNDED_ACTIVATIONS in run.flags else setup.bounds.times(_OLD_BOUNDS)
        super().__init__(zlib.crc32(run.identity.encode()) << 20, bounds, keeps_order=SETS_IN_ORDER in run.flags)
        self.run = run
        self.commands = Commands(bounds)
        self.table = Steps()
        self.main: WorkflowTask | None = None
        self.cancel_reason: str | None = None
        self.phase = FORWARD
        self.setup = setup
        self.body: Body | None = None
        self.sagas = Sagas(root_of(run.workflow))
        self._quiet: list[asyncio.Future[None]] = []

    # What the code asks for

    @property
    def random(self) -> random.Random:
        """The run's own generator, seeded by its id."""
        self.commands.check_reading("draw a random number")
        return self.run.random

    @property
    def mailbox(self) -> Mailbox:
        """The messages that have come."""
        if self.table.mailbox is None:
            self.table.mailbox = Mailbox(self, partial(encode_answer, self.setup))
        return self.table.mailbox

    @property
    def now_ms(self) -> int:
        """The activation's time, in milliseconds since 1970."""
        return self._now_ms

    @property
    def is_replaying(self) -> bool:
        """True while history is replayed."""
        return self.commands.is_replaying

    @property
    def is_over(self) -> bool:
        """True when the main task has ended."""
        return self.main is not None and self.main.done()

    def live_tasks(self, scope: Scope) -> list[asyncio.Task[Any]]:
        """Tasks of a scope other than the calling one, in order of creation; of the run's own scope all are."""
        here, of = asyncio.current_task(self), self.sagas.of
        tasks = [task for task in self._tasks if task is not here and not task.done()]
        if scope is self.sagas.root:
            return list(tasks)
        return [task for task in tasks if (inner := of(task.context)) is not None and inner.is_within(scope)]

    async def call(self, activity: ActivityDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls an activity and waits for its outcome."""
        payload = activity.signature.encode_input(args, kwargs)
        if len(payload) > SMALL_BYTES and BOUNDED_PAYLOADS in self.run.flags:
            check_arguments(self.setup, activity, payload)
        step = self.schedule(activity, payload)
        try:
            return await (pivots.outcome(self, step) if activity.options.kind == PIVOT else step.future)
        except asyncio.CancelledError:
            if step.number in self.table.open:
                self.commands.add(events.ActivityCancelRequested(step.number))
            raise

    def schedule(
        self,
        activity: ActivityDefinition,
        payload: bytes,
        *,
        compensates: Undo | None = None,
        of_child: int = 0,
        retry: RetryPolicy | None = None,
    ) -> Step:
        """Asks for an activity; the intent is recorded before it can have any effect."""
        if activity.name not in self.setup.registry.activities:
            self.setup.registry.activity(activity.name)  # says what is there
        scope = self.sagas.here()
        if self.sagas.stopping and compensates is None and not self.sagas.may_call(scope):
            return Step(0, activity, payload, self.create_future())
        place = None if scope is None or compensates is not None else pivots.place_of(scope, activity)
        if compensates is not None and compensates.begun:
            place = SagaStep(begun=compensates.begun)
        undo = activity.link.definition
        number, options = self.table.next_number(), activity.options
        limits = options.limits
        if compensates is not None or options.kind or (scope is not None and scope.pivot):
            limits = pivots.limits_of(scope, options, compensates is not None and undo is None)
        self.commands.add(
            events.ActivityScheduled(
                number,
                activity.name,
                payload,
                options.timeout_ms,
                retry or options.retry,
                None if undo is None else undo.name,
                compensates.step if compensates else None,
                compensates.outcome if compensates else None,
                compensates.run_id if compensates and compensates.run_id != self.run.identity else "",
                options.queue,
                limits,
                place,
                of_child,
            ),
            len(payload),
        )
        step = Step(number, activity, payload, self.create_future(), scope=scope if compensates is None else None)
        return self.table.add_activity(step)

    def ready_count(self) -> int:
        """How many callbacks run in this activation before anything that is made ready now."""
        return len(self._ready)

    # What a rollback asks for

    async def quiet(self) -> None:
        """Returns when nothing else is left to run in this activation."""
        waiter = self.create_future()
        self._quiet.append(waiter)
        await waiter

    def wake_when_quiet(self) -> bool:
        """Wakes whoever waits for a condition that holds, else who waits for quiet; False when nobody does."""
        if self._conditions is None and not self._quiet and not self._resting:
            return False  # as it is of most code
        if self.wake_conditions():
            return True
        quiet, self._quiet = [waiter for waiter in self._quiet if not waiter.done()], []
        for waiter in quiet:
            waiter.set_result(None)
        if quiet:
            return True
        waits = self.table.open or self.table.timers
        return not waits and self.wake_resting()

    # Async generators that are dropped half way

    def finish_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Closes one in a task of the run, as asyncio does: its ``finally`` blocks may call activities.

        One that the garbage collector finds just ends: when that happens is no function of the program.
        """
        if not self.commands.closed and not collector.is_running() and asyncio._get_running_loop() is self:
            self.create_task(generator.aclose(), name="the end of an async generator")

    # What asyncio asks for

    def start_timer(self, due_ms: int, handle: WorkflowTimer) -> None:
        if self.sagas.may_call(self.sagas.here()):
            self.commands.add(events.TimerStarted(self.table.add_timer(handle), due_ms))

    def stop_timer(self, handle: WorkflowTimer) -> None:
        if self.table.stop_timer(handle):
            self.commands.add(events.TimerCancelled(handle.number))

    # What jobs do to it

    def make_ready(self, handle: asyncio.Handle) -> None:
        """The handle runs in this activation."""
        self._ready.append(handle)

    def cancel_main(self, reason: str) -> None:
        """Cancels the main task, unless a saga is undoing its steps, or a pivot is done or under way. Nothing of a
        task that is cancelled before it has begun exists, so one that inherits something to undo begins first."""
        main = self.main
        if main is None or self.phase != FORWARD:
            return
        if self.sagas.keep_on:
            self.sagas.held_cancel = reason
            return
        coroutine = main.get_coro()
        if self.table.ledgers and inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == _CREATED:
            self.call_soon(main.cancel, reason)
        else:
            main.cancel(reason)

    def release_cancel(self) -> bool:
        """A pivot's outcome is known, or a scope has ended: a cancellation that was held back is delivered, unless it
        has to wait for another. True when it was."""
        if self.sagas.held_cancel is None:
            return False
        reason, self.sagas.held_cancel = self.sagas.held_cancel, None
        self.cancel_main(reason)
        return self.sagas.held_cancel is None

    def woken(self) -> str:
        """What is ready to run although the loop was quiet, in words; it is dropped. Empty when nothing is."""
        if not self._ready:
            return ""
        self._ready.clear()
        return "made a task or woken something that waits"

    def clear(self) -> None:
        super().clear()
        self.table.clear()
        self.main = None
