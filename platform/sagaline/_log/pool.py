"""A few threads for calls that block, which never keep the process alive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonPool(Executor):
    """At most ``threads`` threads, begun when they are needed.

    ``concurrent.futures.ThreadPoolExecutor`` waits at the interpreter's end until each of its threads is done; a call
    to a disk or a broker that hangs would keep a stopped worker alive for ever. These threads are daemons: nobody
    waits for them.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._most, self._name = threads, name
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Calls ``fn`` in a thread. Raises RuntimeError after ``shutdown``, and when no thread can start."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError(f"Expected the threads of {self._name!r} to be there but they were given up.")
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < self._most:
                number = len(self._threads) + 1
                thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
                thread.start()  # first: if it cannot, nothing waits for it
                self._threads.append(thread)
            self._calls.put((future, lambda: fn(*args, **kwargs)))
        return future

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, work = call
            if future.set_running_or_notify_cancel():
                try:
                    result = work()
                except StopIteration as error:  # asyncio's futures do not take it: the caller would wait for ever
                    future.set_exception(RuntimeError(f"a call raised {error!r}"))
                except BaseException as error:  # the caller's to handle; the thread goes on
                    future.set_exception(error)
                else:
                    future.set_result(result)
            del call, future, work
            with self._lock:
                self._idle += 1

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Takes no more calls. Threads end with the calls that they are in; with ``wait``, that is waited for."""
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, []
        for _ in threads:
            self._calls.put(None)
        if wait:
            for thread in threads:
                thread.join()


class BlockingCalls:
    """The blocking calls of one log, in threads of its own: a user's calls that hang in asyncio's shared pool do not
    hold them up. After ``close`` it may be used again."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads, self._name = threads, name
        self._pool: DaemonPool | None = None

    async def run(self, fn: Callable[..., T], /, *args: Any) -> T:
        """Calls ``fn(*args)`` in a thread. A caller that is cancelled leaves at once; the call goes on."""
        if self._pool is None:
            self._pool = DaemonPool(self._threads, self._name)
        return await asyncio.get_running_loop().run_in_executor(self._pool, fn, *args)

    def close(self) -> None:
        """Lets the threads end, each with the call that it is in."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
