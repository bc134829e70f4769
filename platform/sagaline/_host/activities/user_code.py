"""Coroutines of users' activities on the loop: nothing that they raise ends the process.

``asyncio.Task`` lets SystemExit and KeyboardInterrupt out of the event loop, and with it the worker. An attempt's own
coroutine is awaited by code that catches them; the tasks that it makes (``create_task``, ``gather``, ``TaskGroup``)
are made by a factory that sees to the same. A callback that is handed to the loop (``call_soon``) is not covered.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import weakref
from collections.abc import Callable, Coroutine, Generator
from operator import attrgetter
from typing import Any, TypeVar

from sagaline._host.watchdog.running import Running

T = TypeVar("T")


class TaskExit(Exception):
    """A task of an activity raised SystemExit or KeyboardInterrupt, which is the cause of this."""


class UserCode(Coroutine[Any, Any, Any]):
    """The coroutine of a task of users' code, watched while it runs. ``abandoned``: it never runs again, whatever it
    swallows."""

    __slots__ = ("__weakref__", "_code", "_coro", "_tasks", "abandoned")

    def __init__(self, coro: Coroutine[Any, Any, Any], tasks: UserTasks, code: tuple[str, str, str]) -> None:
        self._coro, self._tasks, self._code = coro, tasks, code
        self.abandoned = False

    def __next__(self) -> Any:
        """A step. asyncio's tasks in C, which send nothing but None, call this instead of ``send``."""
        return self._step(self._coro.send, None)

    def send(self, value: Any) -> Any:
        return self._step(self._coro.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coro.throw, *error)

    def _step(self, resume: Callable[..., Any], *args: Any) -> Any:
        if self.abandoned:
            self.close()
            raise asyncio.CancelledError
        tasks = self._tasks
        factory, running = tasks.factory, tasks.running
        outer, factory.stepping = factory.stepping, self
        running.begin(self._code)
        try:
            return resume(*args)
        except (SystemExit, KeyboardInterrupt) as error:
            raise TaskExit(f"a task of the activity raised {type(error).__name__}") from error
        finally:
            running.leave()
            factory.stepping = outer

    def child(self, coro: Coroutine[Any, Any, Any]) -> UserCode:
        """The coroutine of a task that this one makes."""
        return self._tasks.child(coro, self._code)

    def close(self) -> None:
        try:
            self._coro.close()
        except RuntimeError:  # it awaits in spite of that: the garbage collector must not ask it again
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._coro))
        except (SystemExit, KeyboardInterrupt):
            pass  # it is on its way out

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # pyright: ignore[reportReturnType]

    def __iter__(self) -> UserCode:
        return self

    # For whoever prints stacks. (A ``__getattr__`` would slow every other attribute down.)

    __name__ = property(attrgetter("_coro.__qualname__"))  # pyright: ignore[reportAssignmentType]
    cr_await = property(attrgetter("_coro.cr_await"))
    cr_code = property(attrgetter("_coro.cr_code"))
    cr_frame = property(attrgetter("_coro.cr_frame"))
    cr_origin = property(attrgetter("_coro.cr_origin"))
    cr_running = property(attrgetter("_coro.cr_running"))


class UserTasks:
    """The coroutines of one runner's attempts, and of the tasks that they make."""

    def __init__(self, loop: asyncio.AbstractEventLoop, running: Running) -> None:
        self.running = running
        self.factory = _factory_of(loop)
        self._loop, self._context = loop, contextvars.copy_context()
        self._children: weakref.WeakSet[UserCode] = weakref.WeakSet()

    def task(self, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """The task of an attempt: in a context of its own, which has nothing of the attempt that ended before it."""
        context, factory = self._context.copy(), self.factory
        if factory.before is not None:
            return factory.before(self._loop, coro, context=context)  # type: ignore[no-any-return]
        return asyncio.Task(coro, loop=self._loop, name=name, context=context)

    def child(self, coro: Coroutine[Any, Any, Any], code: tuple[str, str, str]) -> UserCode:
        """The coroutine of a task that an attempt makes."""
        made = UserCode(coro, self, code)
        self._children.add(made)
        return made

    def close(self) -> None:
        """No task of an attempt runs again."""
        for made in list(self._children):
            made.abandoned = True


class _TaskFactory:
    """A loop's: tasks that are made while user code runs are made of UserCode, all others as they would be without."""

    def __init__(self, before: Callable[..., Any] | None) -> None:
        self.before = before
        self.stepping: UserCode | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        if self.stepping is not None and asyncio.iscoroutine(coro):
            coro = self.stepping.child(coro)
        if self.before is not None:
            return self.before(loop, coro, **options)
        return asyncio.Task(coro, loop=loop, **options)


def _factory_of(loop: asyncio.AbstractEventLoop) -> _TaskFactory:
    before = loop.get_task_factory()
    if isinstance(before, _TaskFactory):
        return before
    factory = _TaskFactory(before)
    loop.set_task_factory(factory)
    return factory
