"""The client's own threads: what blocks (blobs, codecs, a copy of history) runs beside the event loop.

They are its own so that a program that keeps asyncio's default threads busy does not hold up the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_THREADS = 4


class Threads:
    """Made when the first call comes."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function in a thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sagaline-client")
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(fn, *args, **kwargs))

    def close(self) -> None:
        """Waits for nothing; a call that runs goes on to its end."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
