"""The threads in which activities run that are ordinary functions.

They are daemons: one that hangs never keeps a stopped worker alive. They are the users' alone: the engine's own calls
that block have pools of their own (``_host/pools.py``), and a worker's threads are not those of ``asyncio.to_thread``.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Protocol, TypeVar

from sagaline._log.pool import DaemonPool

T = TypeVar("T")


class InThread(Protocol):
    """What runs in a thread: ``thread`` is its identity while it does."""

    thread: int | None


class UserThreads:
    """At most ``limit`` threads, begun when they are needed. ``call`` is only used while one of them is free."""

    def __init__(self, limit: int) -> None:
        self._pool = DaemonPool(limit, "sagaline-activity")

    async def call(self, fn: Callable[[], T], place: InThread) -> T:
        """Calls ``fn`` in a thread, in a copy of the caller's context. Raises RuntimeError when no thread can start.

        Contract: a caller that is cancelled leaves at once; the thread goes on.
        """

        def work() -> T:
            place.thread = threading.get_ident()
            try:
                return context.run(fn)
            finally:
                place.thread = None

        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Takes no more calls, and waits for nobody."""
        self._pool.shutdown(wait=False)


class ThreadGuard:
    """Cancels the code that the calling thread begins now, and nothing that it does after ``leave``.

    The exception is raised between two bytecodes of the thread: code in C (a sleep, a lock, a socket) is not
    interrupted, it comes when that returns. ``cancel`` is called from another thread, the rest from the one that has
    made it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = threading.get_ident()
        self._is_open, self._is_wanted = True, False
        self._is_on_its_way = False
        self._shields = 0

    @property
    def is_on_its_way(self) -> bool:
        """True while the thread has not come to where it notices."""
        return self._is_on_its_way

    def cancel(self) -> None:
        """Raises CancelledError in the thread's code; again, when that has swallowed it."""
        with self._lock:
            self._is_wanted = True
            if self._is_open and not self._shields:
                self._is_on_its_way = True
                _raise_in(self._thread, self._error())
                _look_no_more()

    def _error(self) -> type[BaseException]:
        """A class of its own: that an object of it is made says that it was raised."""
        guard = self

        class CancelledError(asyncio.CancelledError):
            def __init__(self, *args: object) -> None:
                super().__init__(*args)
                guard._is_wanted = guard._is_on_its_way = False

        return CancelledError

    @contextmanager
    def shielded(self) -> Generator[None]:
        """Cancellation waits for the end of the block."""
        with self._lock:
            self._shields += 1
        try:
            self._arrive()
            yield
        finally:
            with self._lock:
                self._shields -= 1
                is_due = self._is_wanted and not self._shields
            if is_due:
                raise self._error()()

    def leave(self) -> None:
        """The code has ended."""
        while self._is_open or self._is_on_its_way:
            try:
                with self._lock:
                    self._is_open = False
                self._arrive()
            except asyncio.CancelledError:
                continue  # it came just now

    def _arrive(self) -> None:
        """Raises what is on its way to this thread."""
        while self._is_on_its_way:
            _raise_in(self._thread, self._error())


class _Nothing(BaseException):
    pass


def _raise_in(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


def _look_no_more() -> None:
    """Before Python 3.13 every thread is told to look for an exception that is for one, until that one has it. While
    that one sleeps, others with a profile function (``_host/forbidden/profiling.py``) would look for ever, in 3.11. A
    thread that has found an exception of its own ends the search; the other finds its one when it next gives way."""
    try:
        _raise_in(threading.get_ident(), _Nothing)
        while True:
            pass
    except _Nothing:
        return
