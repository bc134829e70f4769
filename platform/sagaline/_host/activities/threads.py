"""The threads in which activities run that are ordinary functions.

They are daemons: one that hangs never keeps a stopped worker alive. They are the users' alone: the engine's own calls
that block have pools of their own (``_host/pools.py``), and a worker's threads are not those of ``asyncio.to_thread``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
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
