"""Tasks of an instance that is put away: their coroutines are closed in the owner's thread, as the running loop.

A coroutine that is left to the garbage collector runs its ``finally`` blocks wherever that happens to run, outside of
any workflow, where a call of an activity calls the function itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, cast

from sagaline._runtime.bugs import Evicted

_ATTEMPTS = 50  # one for each await in its finally blocks
_MOST_KEPT = 1_000
_unclosable: list[Coroutine[Any, Any, Any]] = []  # never collected, so that their code never runs again


def close_all(tasks: deque[asyncio.Task[Any]]) -> None:
    """Closes the tasks' coroutines, in order, and takes each from the queue before."""
    while tasks:
        close(tasks.popleft())


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
    if len(_unclosable) < _MOST_KEPT:
        _unclosable.append(coroutine)
