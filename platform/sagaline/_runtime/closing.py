"""Tasks of an instance that is put away: their coroutines are closed in the owner's thread, as the running loop.

A coroutine that is left to the garbage collector runs its ``finally`` blocks wherever that happens to run, outside of
any workflow, where a call of an activity calls the function itself; and one that catches everything in an endless
loop never comes back from there, not even when the process ends.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from sagaline._runtime.bugs import Evicted
from sagaline._runtime.frames import place_of_coroutine

_log = logging.getLogger("sagaline.workflow")
_ROUNDS = 10
_ATTEMPTS = 50  # one for each await in its finally blocks


def close_all(live_tasks: Callable[[], Sequence[asyncio.Task[Any]]]) -> None:
    """Closes the tasks, in order, and those that they make on their way out."""
    closed: set[asyncio.Task[Any]] = set()
    for _ in range(_ROUNDS):
        left = [task for task in live_tasks() if task not in closed]
        if not left:
            return
        for task in left:
            closed.add(task)
            close(task)


def close(task: asyncio.Task[Any]) -> None:
    """Closes one: raises Evicted where it waits, until it ends. Nothing that its code raises counts.

    ``coroutine.close()`` does it once only: of a coroutine that awaits in a ``finally`` block the inner part survives.
    """
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine = cast("Coroutine[Any, Any, Any]", task.get_coro())
    for _ in range(_ATTEMPTS):
        try:
            coroutine.throw(Evicted())
        except BaseException:  # its own, or it was interrupted
            if getattr(coroutine, "cr_frame", None) is None:
                return
    _keep_for_good(coroutine)


def _keep_for_good(coroutine: Coroutine[Any, Any, Any]) -> None:
    """It catches whatever is raised in it and goes on. Some memory is lost, but its code never runs again."""
    _log.warning(
        "Expected workflow code to end when BaseException is raised in it but %s goes on: let it out. Until this "
        "process ends it keeps its memory.",
        place_of_coroutine(coroutine) or coroutine,
    )
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))
