"""An event loop on a virtual clock, and processes on it that can be killed and stopped between any two callbacks.

Everything that a process schedules carries its name in the context; a callback of a dead process is dropped, one of
a stopped process is kept until it is woken. Nothing here reads a real clock, so a seed says everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import logging
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine
from typing import Any

from sagaline._host.crash_points import Died
from sagaline._host.partition.guard import Guard

current: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
Call = Callable[[], None]
OUTSIDE = contextvars.Context()
"""Context of what belongs to no process: the network, brokers, participants."""
_GUARDED = Guard._watch.__code__


class Process:
    """A process of the simulation. ``crash_in``: it dies before so many more of its callbacks have run."""

    def __init__(self, name: str, version: str = "") -> None:
        """``version``: of its code."""
        self.name, self.version = name, version
        self.alive = True
        self.stopped = False
        self.crash_in = -1
        self.clock_offset_ms = 0
        self.on_crash: Callable[[], None] = lambda: None
        self._held: list[asyncio.Handle] = []
        self.context = contextvars.Context()
        self.context.run(current.set, self)

    def kill(self) -> None:
        """Nothing of it runs any more."""
        if self.alive:
            self.alive = False
            self._held.clear()
            self.on_crash()

    def stop(self) -> None:
        """SIGSTOP."""
        self.stopped = True

    def wake(self) -> None:
        """SIGCONT: whatever came meanwhile comes now, in order."""
        self.stopped = False
        held, self._held = self._held, []
        for handle in held:
            handle._run()

    def admits(self, handle: asyncio.Handle) -> bool:
        """Whether a callback runs now."""
        if not self.alive:
            return False
        if self.stopped:
            self._held.append(handle)
            return False
        if self.crash_in >= 0:
            if self.crash_in == 0:
                self.kill()
                return False
            self.crash_in -= 1
        return True


class _Handle(asyncio.Handle):
    def _run(self) -> None:
        process = self._context.get(current)  # type: ignore[attr-defined]
        if not self.cancelled() and (process is None or process.admits(self)):
            super()._run()


class _TimerHandle(asyncio.TimerHandle):
    def _run(self) -> None:
        process = self._context.get(current)  # type: ignore[attr-defined]
        if not self.cancelled() and (process is None or process.admits(self)):
            super()._run()


class _Selector:
    """Waiting costs no time: the clock jumps."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing is left to happen: the simulation is stuck")
        self._loop.now_s += timeout
        return []


class VirtualLoop(BaseEventLoop):
    """asyncio's own loop, but for time and input."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0
        self.callbacks = 0
        self._selector = _Selector(self)
        self._begun: list[Coroutine[Any, Any, Any]] = []
        self.errors: list[str] = []
        self.in_thread: Callable[[Any, Call], None] = lambda executor, call: call()
        """Makes the call of a thread of ``executor``, at once or later."""
        self.is_in_thread = False
        self.set_exception_handler(self._note)
        self.set_task_factory(self._make_task)

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        process = current.get()
        error = context.get("exception")
        if isinstance(error, Died):
            return
        if error is not None and (process is None or process.alive):
            self.errors.append(f"{context['message']}: {error!r}")

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """Every task comes through here, those of attempts too."""
        self._begun.append(coro)
        if getattr(coro, "cr_code", None) is _GUARDED:  # if it never begins, it lets go of what it would have awaited
            self._begun.append(coro.cr_frame.f_locals["coro"])
        return asyncio.Task(coro, loop=loop, **options)

    def close(self) -> None:
        """Ends what dead processes have left suspended, here and in order: what is left to the collector runs its
        ``finally`` blocks in the middle of whatever code it interrupts."""
        level = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            while self._begun:
                begun, self._begun = self._begun, []
                for coro in begun:
                    with contextlib.suppress(BaseException):  # of a process that is dead: nobody hears it
                        coro.close()
        finally:
            logging.disable(level)
        self._ready.clear()  # type: ignore[attr-defined]
        super().close()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """What would run in a thread runs here and now, or when ``in_thread`` lets it."""
        future = self.create_future()

        def call() -> None:
            self.is_in_thread = True
            try:
                future.set_result(func(*args))
            except Died:
                raise
            except BaseException as error:
                future.set_exception(error)
            finally:
                self.is_in_thread = False

        self.in_thread(executor, call)
        return future

    def _check_closed(self) -> None:
        """What a dead process leaves behind is collected after the end, and may still try to schedule something."""

    def time(self) -> float:
        return self.now_s

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        return self.call_soon(callback, *args, context=context)

    def _call_soon(self, callback: Any, args: Any, context: Any) -> asyncio.Handle:
        self.callbacks += 1
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]
        handle = _TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, handle)  # type: ignore[attr-defined]
        handle._scheduled = True  # type: ignore[attr-defined]
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]
        return self.call_at(self.now_s + delay, callback, *args, context=context)
