"""Threads of the log: steps that outlive whatever they raise, and the ways from a thread to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger("sagaline.log")
_PAUSE_S = 0.05
_PAUSE_MAX_S = 5.0


class StepThread:
    """A daemon thread that calls ``step`` again and again until it is stopped, whatever ``step`` raises.

    Contract: what a step raises is logged and given to ``on_error`` in the thread, which sets right what the step left
    half done and tells who waits for it. Then comes a pause, twice as long after each further error, and the next step.
    A step looks at ``stopped`` when it waits. ``at_end`` is called once, when the thread ends.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        on_error: Callable[[BaseException], None],
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._step, self._on_error, self._at_end = name, step, on_error, at_end
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins; everything that a step needs has to be there."""
        self._thread.start()

    def _run(self) -> None:
        pause_s = _PAUSE_S
        while not self.stopped.is_set():
            try:
                self._step()
                pause_s = _PAUSE_S
            except BaseException as error:  # also SystemExit out of a callback: the thread is all that reads or writes
                self._handle(error)
                self.stopped.wait(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_MAX_S)
        attempt(self._at_end, f"Ending {self._name}")

    def _handle(self, error: BaseException) -> None:
        with contextlib.suppress(BaseException):
            _log.error("%s: %r; it goes on after a pause", self._name, error, exc_info=error)
        attempt(lambda: self._on_error(error), f"Recovering {self._name}")

    def stop(self) -> None:
        """The step that is under way is the last one."""
        self.stopped.set()

    def join(self, timeout_s: float) -> bool:
        """Waits until it has ended; False when it has not."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()


def attempt(action: Callable[[], object], what: str) -> None:
    """Calls ``action``; whatever it raises is logged, and goes no further."""
    try:
        action()
    except BaseException as error:
        with contextlib.suppress(BaseException):
            _log.error("%s: %r", what, error, exc_info=error)


class Mailbox(Generic[T]):
    """Collects items from a thread and gives them to ``deliver`` on the loop, all that are there at once.

    Without a lock, which every record would take: each step on the deque is atomic, and ``_take`` looks for items
    after it has said that it is asleep again, so that of an item that comes meanwhile either it or ``flush`` knows.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[list[T]], None]) -> None:
        self._loop, self._deliver = loop, deliver
        self._items: deque[T] = deque()
        self._awake = False
        self.put = self._items.append
        """Adds an item without waking the loop; ``flush`` follows."""

    def flush(self) -> None:
        """Wakes the loop if there is something and it is not awake already. It may be woken once too often."""
        if not self._items or self._awake:
            return
        self._awake = True
        try:
            call(self._loop, self._take)
        except BaseException:
            self._awake = False  # else nobody would ever wake it
            raise

    def _take(self) -> None:
        self._awake = False
        items, take = self._items, self._items.popleft
        taken = [take() for _ in range(len(items))]
        if taken:
            self._deliver(taken)


def tell_all(done: list[tuple[Callable[[str | None], None], str | None]]) -> None:
    """Gives each caller its error or None. What one of them raises is logged; the others are told all the same."""
    for on_done, error in done:
        try:
            on_done(error)
        except Exception:
            _log.exception("Telling %r that a record was published (error: %s)", on_done, error)


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
