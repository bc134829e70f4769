"""From a thread to the event loop: one wake-up for a batch, however many records or acknowledgements it has."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Collects items from a thread and gives them to ``deliver`` on the loop, all that are there at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[list[T]], None]) -> None:
        self._loop, self._deliver = loop, deliver
        self._items: list[T] = []
        self._lock = threading.Lock()
        self._awake = False

    def put(self, item: T) -> None:
        """Adds an item without waking the loop; ``flush`` follows."""
        self._items.append(item)  # atomic under the GIL; _take swaps the list

    def flush(self) -> None:
        """Wakes the loop if there is something and it is not awake already."""
        with self._lock:
            if not self._items or self._awake:
                return
            self._awake = True
        call(self._loop, self._take)

    def _take(self) -> None:
        with self._lock:
            self._awake = False
            items, self._items = self._items, []
        if items:
            self._deliver(items)


class Gate:
    """Lets a reading thread run at most one batch ahead of the loop."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._slots = threading.Semaphore(2)

    def enter(self, stopped: threading.Event) -> bool:
        """Waits for a slot; False when ``stopped`` is set meanwhile."""
        while not stopped.is_set():
            if self._open.wait(0.1) and self._slots.acquire(timeout=0.1):
                return True
        return False

    def leave(self) -> None:
        """The loop is done with a batch."""
        self._slots.release()

    def pause(self) -> None:
        """No batch enters until ``resume``."""
        self._open.clear()

    def resume(self) -> None:
        """Batches enter again."""
        self._open.set()


def call(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    """Runs a callback on the loop; on a loop that is closed there is nobody left to tell."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise
