"""A thread that sees the event loop stand still.

1. After ``warn_s`` it logs the stack, and which run's code it is.
2. After ``interrupt_s`` it interrupts user code, where CPython allows it (``interrupter``): the run is parked.
3. After ``give_up_s`` it gives up: it writes a mark of the run, lets go of the partitions, so that other workers take
   over, and ends the process if it may. Its supervisor starts another, which parks the run before it runs again. A
   process that stays takes part again as soon as its loop goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sagaline._host.stacks import frame_of, stack_of
from sagaline._host.watchdog.interrupter import Interrupter
from sagaline._host.watchdog.last_words import LastWords
from sagaline._host.watchdog.marks import Mark, Marks
from sagaline._host.watchdog.running import Code, Running
from sagaline._log.threads import call

_log = logging.getLogger("sagaline.watchdog")
STALLED = 75
"""Exit code of a process that the watchdog ends: EX_TEMPFAIL, try again."""
_AGAIN_S = 1.0
_DEBUGGERS = ("bdb.py", "pdb.py", "pydevd.py")


@dataclass(frozen=True)
class StallBounds:
    """When the watchdog acts, in seconds that the loop has stood still. ``ends_process``: the last step may."""

    warn_s: float = 5.0
    interrupt_s: float = 30.0
    give_up_s: float = 60.0
    ends_process: bool = False

    @property
    def tick_s(self) -> float:
        """Seconds between two looks."""
        return min(1.0, self.warn_s / 5)


@dataclass
class _Stall:
    """How long the loop has been in the same place, as far as the watchdog has seen. ``turn``: of user code."""

    turn: int = -1
    seconds: float = 0.0
    warned_s: float = 0.0
    interrupted_s: float = -1.0
    given_up: bool = False


@dataclass
class Watched:
    """What the watchdog acts on. ``suspend`` and ``resume`` are those of the worker's memberships."""

    loop: asyncio.AbstractEventLoop
    running: Running
    marks: Marks
    suspend: Callable[[], None]
    resume: Callable[[], None]
    thread: int = field(default_factory=threading.get_ident)


class Watchdog:
    """Made and started on the loop's thread. ``folder`` is for what is left behind, inside the state directory."""

    def __init__(self, watched: Watched, bounds: StallBounds, folder: Path | None) -> None:
        self._watched, self._bounds = watched, bounds
        self._interrupter = Interrupter(watched.running)
        self._last_words = LastWords(folder if bounds.ends_process else None)
        self._answered = threading.Event()
        self._stopped = threading.Event()
        self._stall = _Stall()
        self._thread = threading.Thread(target=self._run, name="sagaline-watchdog", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        if (mark := self._last_words.read()) is not None:
            self._watched.marks.write(mark)
        self._last_words.open(self._watched.running)
        if not self._interrupter.install():
            _log.info("Code that blocks this worker is not interrupted: its loop is not on the main thread")
        self._answered.set()
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._interrupter.remove()
        self._last_words.close(self._watched.running)

    @property
    def stalled_s(self) -> float:
        """Seconds for which the loop has stood still, 0 when it does not."""
        return self._stall.seconds

    # The watchdog's thread

    def _run(self) -> None:
        bounds, tick_s = self._bounds, self._bounds.tick_s
        last = time.monotonic()
        while not self._stopped.is_set() and not self._watched.loop.is_closed():
            self._interrupter.guard(bounds.interrupt_s)
            if bounds.ends_process:
                self._last_words.postpone(bounds.give_up_s)
            self._stopped.wait(tick_s)
            now = time.monotonic()
            passed_s, last = min(now - last, 2 * tick_s), now  # a process that was stopped has not stood still
            try:
                self._look(passed_s)
            except Exception:
                _log.exception("The watchdog")

    def _look(self, passed_s: float) -> None:
        stall, loop = self._stall, self._watched.loop
        if self._answered.is_set() or not loop.is_running():
            if stall.warned_s or stall.given_up:
                _log.warning("The event loop goes on after %.1f s", stall.seconds)
            if stall.given_up:
                self._watched.resume()
            self._stall = _Stall()
            self._answered.clear()
            call(loop, self._answered.set)
            return
        turn = self._watched.running.turn
        if turn != stall.turn:  # it works, if slowly: nothing here is to be interrupted
            self._stall = _Stall(turn, 0.0, stall.warned_s, given_up=stall.given_up)
            return
        stall.seconds += passed_s
        self._act(stall)

    def _act(self, stall: _Stall) -> None:
        bounds, running = self._bounds, self._watched.running
        code = running.code
        if stall.seconds >= bounds.warn_s and stall.seconds >= 2 * stall.warned_s:
            stall.warned_s = stall.seconds
            where = "no workflow code" if code is None else str(Code(*code))
            _log.error("The event loop has stood still for %.1f s, in %s:\n%s", stall.seconds, where, self._stack())
        if self._is_debugged():
            return
        if code is not None and stall.seconds >= max(bounds.interrupt_s, stall.interrupted_s + _AGAIN_S):
            stall.interrupted_s = stall.seconds
            self._interrupter.interrupt(stall.turn)
        if stall.seconds >= bounds.give_up_s and not stall.given_up:
            self._give_up(None if code is None else Code(*code))  # what raises is tried again at the next look
            stall.given_up = True

    def _give_up(self, code: Code | None) -> None:
        watched, stack = self._watched, self._stack()
        if code is not None:
            watched.marks.write(Mark(*code, stack, time.time_ns() // 1_000_000))
        what = "this process ends" if self._bounds.ends_process else "it is out of the group until its loop goes on"
        where = "no workflow code" if code is None else str(code)
        _log.critical(
            "The event loop stands still in %s; other workers are to take over, and %s:\n%s", where, what, stack
        )
        try:
            watched.suspend()
        finally:
            if self._bounds.ends_process:
                logging.shutdown()
                os._exit(STALLED)

    def _stack(self) -> str:
        return stack_of(frame_of(self._watched.thread))

    def _is_debugged(self) -> bool:
        """Somebody looks at the code at a breakpoint: that takes as long as it takes."""
        frame = frame_of(self._watched.thread)
        while frame is not None:
            if frame.f_code.co_filename.endswith(_DEBUGGERS):
                return True
            frame = frame.f_back
        return False
