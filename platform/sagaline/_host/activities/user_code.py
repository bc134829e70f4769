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
from contextvars import ContextVar
from typing import Any

from sagaline._host.watchdog.running import Running
from sagaline._runtime.context import current_activity


class TaskExit(Exception):
    """A task of an activity raised SystemExit or KeyboardInterrupt, which is the cause of this."""


class UserCode(Coroutine[Any, Any, Any]):
    """A user's coroutine, watched while it runs. ``abandon``: it never runs again, whatever it swallows."""

    __slots__ = ("__weakref__", "_code", "_coro", "_is_task", "_running", "abandoned")

    def __init__(
        self, coro: Coroutine[Any, Any, Any], running: Running, code: tuple[str, str, str], is_task: bool = False
    ) -> None:
        self._coro, self._running, self._code, self._is_task = coro, running, code, is_task
        self.abandoned = False

    def send(self, value: Any) -> Any:
        return self._step(self._coro.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coro.throw, *error)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        if self.abandoned:
            self.close()
            raise asyncio.CancelledError
        self._running.enter(*self._code)
        try:
            return step(*args)
        except (SystemExit, KeyboardInterrupt) as error:
            if not self._is_task:
                raise
            raise TaskExit(f"a task of the activity raised {type(error).__name__}") from error
        finally:
            self._running.leave()

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


class UserTasks:
    """The coroutines of one runner's attempts, and the tasks that they make: see ``adopt``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, running: Running) -> None:
        self._running = running
        self._alive: weakref.WeakSet[UserCode] = weakref.WeakSet()
        _install(loop)

    def adopt(self) -> None:
        """Tasks that are made in the current context, from here on, are an activity's."""
        _owner.set(self)

    def watch(self, coro: Coroutine[Any, Any, Any], code: tuple[str, str, str], is_task: bool = False) -> UserCode:
        """The coroutine of an attempt, or of a task of its."""
        made = UserCode(coro, self._running, code, is_task)
        self._alive.add(made)
        return made

    def close(self) -> None:
        """Nothing of what is still alive runs again."""
        for made in list(self._alive):
            made.abandoned = True


_owner: ContextVar[UserTasks] = ContextVar("sagaline_user_tasks")


def _install(loop: asyncio.AbstractEventLoop) -> None:
    """Gives the loop a task factory; on tasks that are made outside of activities it has no effect."""
    before = loop.get_task_factory()
    if getattr(before, "is_sagaline", False):
        return

    def make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        owner, info = _owner.get(None), current_activity.get(None)
        if owner is not None and info is not None and asyncio.iscoroutine(coro):
            coro = owner.watch(coro, (info.workflow_id, info.run_id, info.activity), True)
        return asyncio.Task(coro, loop=loop, **options) if before is None else before(loop, coro, **options)

    make.is_sagaline = True  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    loop.set_task_factory(make)
