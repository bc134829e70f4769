"""The engine's own threads for calls that block: what users' code does with theirs never stops recovery or reads.

The loop's default executor is the users': ``asyncio.to_thread`` in an activity fills it. The engine never uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sagaline._log.pool import DaemonPool

T = TypeVar("T")
_IO_THREADS = 4
_BLOB_THREADS = 4


class Pools:
    """``io`` for stores, recovery and look-ups in the log; ``blobs`` for codecs and the store of large payloads, which
    may be a network away and slow.

    Contract:

    - A call that finds all threads busy waits in its coroutine: nothing queues up behind a thread that hangs.
    - A caller that is cancelled leaves at once. Its call goes on in the thread, and holds the thread until it ends.
    - ``close`` waits for nobody.
    """

    def __init__(self, io_threads: int = _IO_THREADS, blob_threads: int = _BLOB_THREADS) -> None:
        self._io = _Pool(io_threads, "sagaline-io")
        self._blobs = _Pool(blob_threads, "sagaline-blobs")

    async def io(self, fn: Callable[..., T], /, *args: object) -> T:
        """Calls ``fn(*args)`` in a thread for disks and brokers. Raises what it raises."""
        return await self._io.call(fn, *args)

    async def blobs(self, fn: Callable[..., T], /, *args: object) -> T:
        """Calls ``fn(*args)`` in a thread for payloads. Raises what it raises."""
        return await self._blobs.call(fn, *args)

    async def blobs_within(self, limit_s: float, fn: Callable[..., T], /, *args: object) -> T:
        """The same. Raises TimeoutError when it takes longer, or when for so long no thread has come back from a call:
        while others come back it waits."""
        return await self._blobs.call_within(limit_s, fn, *args)

    @property
    def busy(self) -> dict[str, int]:
        """Threads in a call, by the pool's name."""
        return {pool.name: pool.busy for pool in (self._io, self._blobs)}

    def close(self) -> None:
        """Takes no more calls; threads that hang are left behind."""
        self._io.close()
        self._blobs.close()


class _Pool:
    """Threads, and a semaphore of as many slots: a slot is held until the call has ended in the thread."""

    def __init__(self, threads: int, name: str) -> None:
        self.name, self.busy, self._ended_calls = name, 0, 0
        self._threads = DaemonPool(threads, name)
        self._slots = asyncio.Semaphore(threads)

    async def call(self, fn: Callable[..., T], *args: object) -> T:
        await self._slots.acquire()
        return await asyncio.shield(self._begin(fn, *args))

    async def call_within(self, limit_s: float, fn: Callable[..., T], *args: object) -> T:
        await self._slot_within(limit_s)
        async with asyncio.timeout(limit_s):
            return await asyncio.shield(self._begin(fn, *args))

    async def _slot_within(self, limit_s: float) -> None:
        while True:
            ended_calls = self._ended_calls
            try:
                async with asyncio.timeout(limit_s):
                    await self._slots.acquire()
                return
            except TimeoutError:
                if self._ended_calls == ended_calls:
                    raise

    def _begin(self, fn: Callable[..., T], *args: object) -> asyncio.Future[T]:
        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, fn, *args)
        except BaseException:
            self._slots.release()
            raise
        self.busy += 1
        future.add_done_callback(self._ended)
        return future

    def _ended(self, future: asyncio.Future[T]) -> None:
        self.busy -= 1
        self._ended_calls += 1
        self._slots.release()
        if not future.cancelled():
            future.exception()  # its caller may have left: nobody else looks at it

    def close(self) -> None:
        self._threads.shutdown()
