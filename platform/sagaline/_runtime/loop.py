"""An asyncio event loop without I/O or clock: a deque of handles, and timers that are commands.

Real ``asyncio.Task`` and ``asyncio.Future`` objects run on it, so gather, TaskGroup, timeout, shield, Lock,
Queue and the rest behave as their documentation says, in an order that depends on nothing but the code and
the activations.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import repeat
from math import inf
from typing import Any, NoReturn

from sagaline._model.limits import DURATION_MS
from sagaline._runtime import watching
from sagaline._runtime.bugs import ActivationTooLarge
from sagaline._runtime.conditions import Conditions, Predicate
from sagaline._runtime.frames import caller
from sagaline._runtime.repeating import busy_place, take_repeated
from sagaline._runtime.setup import Bounds
from sagaline.errors import InvalidInput

_CALLBACKS_AT_ONCE = 5_000
_TASKS_KEPT = 16


class ForbiddenInWorkflow(RuntimeError):
    """Workflow code asked the loop for something that is not deterministic."""


class WorkflowTask(asyncio.Task[Any]):
    """A task whose hash follows from its run and number: sets of tasks, as asyncio.wait returns, iterate in the
    same order on replay. (It differs between runs: asyncio keeps all tasks of a process in one set.)

    ``held``: cancellations that wait, while it is shielded; else None. ``context``: that of its code.
    """

    held: list[Any] | None = None

    def __init__(self, coro: Coroutine[Any, Any, Any], loop: DeterministicLoop, number: int, **options: Any) -> None:
        self._hash = number
        context = options.get("context")  # an empty one is false
        self.context = options["context"] = contextvars.copy_context() if context is None else context
        super().__init__(coro, loop=loop, **options)

    def cancel(self, msg: Any | None = None) -> bool:
        """As of every task; one that is shielded is cancelled later."""
        if self.held is None or self.done():
            return super().cancel(msg)
        self.held.append(msg)
        return True

    def __hash__(self) -> int:
        return self._hash

    __eq__ = object.__eq__


class WorkflowHandle(asyncio.Handle):
    """A callback. asyncio's own would ask the loop each time whether it is being debugged."""

    __slots__ = ()

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], loop: DeterministicLoop, context: contextvars.Context
    ) -> None:
        self._callback, self._args, self._loop, self._context = callback, args, loop, context
        self._cancelled = False
        self._repr = self._source_traceback = None


class WorkflowTimer(asyncio.TimerHandle):
    """A timer of the run. ``number`` is that of its step; 0 when it needs none: it is due at once, or never."""

    __slots__ = ("number",)
    number: int


class DeterministicLoop(asyncio.AbstractEventLoop):
    """The asyncio side of a workflow instance. ``_now_ms`` is the activation's time.

    ``keeps_order``: sets that asyncio makes iterate in order of insertion (``set_order``).
    """

    def __init__(self, hash_base: int, bounds: Bounds, *, keeps_order: bool = True) -> None:
        self._hash_base = hash_base
        self._bounds = bounds
        self.keeps_order = keeps_order
        self._now_ms = 0
        self._time = 0.0  # in seconds; by a rounding error more where a timer is due
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: list[WorkflowTask] = []  # strong references, in order of creation; some may be done
        self._tasks_bound = _TASKS_KEPT
        self._task_count = 0
        self._task_bound = 0
        self._tasks_a_turn = bounds.tasks
        self._first_callbacks = min(bounds.callbacks, _CALLBACKS_AT_ONCE)
        self._further_callbacks = bounds.callbacks - self._first_callbacks
        self._callbacks = repeat(None, 0)
        self._callbacks_left = 0
        self._resting: list[asyncio.Handle] = []  # callbacks that only repeat themselves until something happens
        self._conditions: Conditions | None = None
        self.is_guarded = False  # while the run's code runs: forbidden calls raise
        self.broken: BaseException | None = None  # whatever the code has made of it

    # What a subclass gives

    def start_timer(self, due_ms: int, handle: WorkflowTimer) -> None:
        """A callback is to run at ``due_ms``."""
        raise NotImplementedError

    def stop_timer(self, handle: WorkflowTimer) -> None:
        """That callback is needed no more."""
        raise NotImplementedError

    # Running

    def begin(self, at_ms: int) -> None:
        """An activation begins, at ``at_ms``."""
        if at_ms != self._now_ms:
            if at_ms < self._now_ms:
                raise ValueError(f"Expected time to go on in a run but {at_ms} comes after {self._now_ms}.")
            self._now_ms = at_ms
            if (time := at_ms / 1000) > self._time:
                self._time = time
        self._callbacks, self._callbacks_left = repeat(None, self._first_callbacks), self._further_callbacks
        if self._resting:
            self.wake_resting()
        self._task_bound = self._task_count + self._tasks_a_turn

    def reach(self, when: float) -> None:
        """A timer is due: ``time()`` is no less than when. Code that is woken asks whether its time has come, and
        would ask for ever when milliseconds, as floats, are a little less than their sum."""
        if self._time < when < self._time + 0.001:
            self._time = when

    def tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, in order of creation."""
        return [task for task in self._tasks if not task.done()]

    def clear(self) -> None:
        """Drops what refers back to the loop, so that no garbage collection has to find it."""
        self._ready.clear()
        self._resting.clear()
        self._tasks.clear()
        self._conditions = None

    def drain(self) -> None:
        """Runs what is ready, and what that makes ready, until nothing is.

        Raises ActivationTooLarge, and what a callback raises: that is a bug. (What a task raises is the task's.)
        """
        ready = self._ready
        handle: Any  # its slots are private; its method would report to the loop what it had better raise
        while True:
            for _ in self._callbacks:
                if not ready:
                    return
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._context.run(handle._callback, *handle._args)
            if not ready:
                return
            if self._callbacks_left == 0:
                place = busy_place(ready, self.tasks())
                raise ActivationTooLarge("callbacks", self._bounds.callbacks, place)
            count = min(self._callbacks_left, _CALLBACKS_AT_ONCE)
            self._callbacks_left -= count
            self._callbacks = repeat(None, count)
            watching.look_away()
            self._resting += take_repeated(self._ready)

    def wake_resting(self) -> bool:
        """They run on in this activation: nothing else will wake the code. False when there are none."""
        self._ready.extend(self._resting)
        self._resting.clear()
        return bool(self._ready)

    # Conditions

    async def wait_condition(self, predicate: Predicate) -> None:
        """Returns when the predicate holds: it is asked at once, and whenever the code is quiet."""
        if self._conditions is None:
            self._conditions = Conditions()
        await self._conditions.wait(predicate, self.create_future)

    def wake_conditions(self) -> bool:
        """Wakes whoever waits for a condition that holds by now; False when nobody does."""
        return self._conditions is not None and self._conditions.wake()

    def call_soon(  # type: ignore[override]  # typeshed's variadic generics
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = WorkflowHandle(callback, args, self, contextvars.copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]  # typeshed's variadic generics
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # typeshed's variadic generics
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        if not when * 1000 - self._now_ms <= DURATION_MS and when != inf:  # NaN too
            raise InvalidInput(
                f"Expected a time at most 100 years ahead but got {when - self.time():g} s ({caller()})."
            )
        handle = WorkflowTimer(when, callback, args, self, context)
        handle.number = 0
        if when == inf:
            return handle  # as anyio.sleep_forever has it
        due_ms = 0 if when <= 0 else -int(-(when * 1000 - 0.001) // 1)  # rounded up: a timer never fires early
        if due_ms <= self._now_ms:
            self.reach(when)
            self._ready.append(handle)
        else:
            handle._scheduled = True  # type: ignore[attr-defined]  # so that cancel() tells the loop
            self.start_timer(due_ms, handle)
        return handle

    def _timer_handle_cancelled(self, handle: WorkflowTimer) -> None:
        self.stop_timer(handle)

    def time(self) -> float:
        return self._time

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        if self._task_count >= self._task_bound:
            coro.close()
            self.broken = ActivationTooLarge("new tasks", self._bounds.tasks, caller())
            raise self.broken
        self._task_count += 1
        if options.get("name") is None:
            options["name"] = f"task-{self._task_count}"
        options.pop("eager_start", None)  # a task starts in its turn
        number = self._hash_base + self._task_count
        task = WorkflowTask(coro, self, number, **options)
        if len(self._tasks) >= self._tasks_bound:  # a callback of each, when it is done, would cost more
            self._tasks = [kept for kept in self._tasks if not kept.done()]
            self._tasks_bound = 2 * len(self._tasks) + _TASKS_KEPT
        self._tasks.append(task)
        return task

    # State

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        pass

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_exception_handler(self) -> None:
        return None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """asyncio reports what nobody handled: the failure of a task that nobody awaited is no bug."""

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    async def shutdown_asyncgens(self) -> None:
        pass

    def get_task_factory(self) -> None:
        return None


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refuse(self: DeterministicLoop, *args: Any, **options: Any) -> NoReturn:
        raise ForbiddenInWorkflow(
            f"Expected deterministic code but {caller()} uses threads, I/O or signals (loop.{name}). "
            f"Move it into an activity: a function with @activity, called from here."
        )

    return refuse


# Everything else that a loop can do touches the outside world.
for _name in dir(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(DeterministicLoop):
        setattr(DeterministicLoop, _name, _refuse(_name))
