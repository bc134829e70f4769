"""Coroutines of users' activities on the loop: nothing that they raise ends the process.

``asyncio.Task`` lets SystemExit and KeyboardInterrupt out of the event loop, and with it the worker. An attempt's own
coroutine is awaited by code that catches them; the tasks that it makes (``create_task``, ``gather``, ``TaskGroup``)
are made by a factory that sees to the same. A callback that is handed to the loop (``call_soon``) is not covered.
"""

from __future__ import annotations

import asyncio
import ctypes
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from sagaline._host.watchdog.running import Running


class TaskExit(Exception):
    """A task of an activity raised SystemExit or KeyboardInterrupt, which is the cause of this."""


class UserCode(Coroutine[Any, Any, Any]):
    """A user's coroutine, watched while it runs. ``abandon``: it never runs again, whatever it swallows."""

    __slots__ = ("__weakref__", "_code", "_coro", "_is_task", "_tasks", "abandoned")

    def __init__(
        self, coro: Coroutine[Any, Any, Any], tasks: UserTasks, code: tuple[str, str, str], is_task: bool = False
    ) -> None:
        self._coro, self._tasks, self._code, self._is_task = coro, tasks, code, is_task
        self.abandoned = False

    def send(self, value: Any) -> Any:
        tasks = self._tasks
        factory, running = tasks.factory, tasks.running
        if self.abandoned:
            self._end()
        outer, factory.stepping = factory.stepping, self
        running.begin(self._code)
        try:
            return self._coro.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            if not self._is_task:
                raise
            raise _told(error) from error
        finally:
            running.leave()
            factory.stepping = outer

    def throw(self, *error: Any) -> Any:
        tasks = self._tasks
        factory, running = tasks.factory, tasks.running
        if self.abandoned:
            self._end()
        outer, factory.stepping = factory.stepping, self
        running.begin(self._code)
        try:
            return self._coro.throw(*error)
        except (SystemExit, KeyboardInterrupt) as raised:
            if not self._is_task:
                raise
            raise _told(raised) from raised
        finally:
            running.leave()
            factory.stepping = outer

    def _end(self) -> None:
        self.close()
        raise asyncio.CancelledError

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

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:
        """``cr_frame``, ``cr_await`` and the like, for whoever prints stacks."""
        return getattr(self._coro, name)


def _told(error: BaseException) -> TaskExit:
    return TaskExit(f"a task of the activity raised {type(error).__name__}")


class UserTasks:
    """The coroutines of one runner's attempts, and of the tasks that they make."""

    def __init__(self, loop: asyncio.AbstractEventLoop, running: Running) -> None:
        self.running = running
        self.factory = _factory_of(loop)
        self._children: weakref.WeakSet[UserCode] = weakref.WeakSet()

    def child(self, coro: Coroutine[Any, Any, Any], code: tuple[str, str, str]) -> UserCode:
        """The coroutine of a task that an attempt makes."""
        made = UserCode(coro, self, code, True)
        self._children.add(made)
        return made

    def close(self) -> None:
        """No task of an attempt runs again."""
        for made in list(self._children):
            made.abandoned = True


class _TaskFactory:
    """A loop's: tasks that are made while user code runs are made of UserCode, all others as they would be without."""

    def __init__(self, before: Callable[..., Any] | None) -> None:
        self._before = before
        self.stepping: UserCode | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        if self.stepping is not None and asyncio.iscoroutine(coro):
            coro = self.stepping.child(coro)
        if self._before is not None:
            return self._before(loop, coro, **options)
        return asyncio.Task(coro, loop=loop, **options)


def _factory_of(loop: asyncio.AbstractEventLoop) -> _TaskFactory:
    before = loop.get_task_factory()
    if isinstance(before, _TaskFactory):
        return before
    factory = _TaskFactory(before)
    loop.set_task_factory(factory)
    return factory
