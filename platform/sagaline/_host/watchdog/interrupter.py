"""Interrupts user code on the main thread, by a signal.

Python runs a signal's handler on the main thread between two bytecodes, and inside C code that asks for signals:
``re``, ``time.sleep``, waits for locks and sockets. What the handler raises comes out of the code that was
interrupted. The handler runs on the thread that enters and leaves user code, and is told in which frame that thread is:
so it knows without a race whether it is in user code, and never raises in the host's.

Not interrupted: C code that never asks (``sum(range(10**12))``, ``10**10**8``), code that catches BaseException, and
anything when the loop is not on the main thread. The signal is SIGVTALRM, whose timer the kernel counts in processor
time: so it also comes when C code keeps the interpreter to itself and no other thread can run to send it.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

from sagaline._host.stacks import stack_of
from sagaline._host.watchdog.running import Running
from sagaline._runtime.interrupt import Interrupted

_SIGNAL = signal.SIGVTALRM
_AGAIN_S = 1.0
_OWN = ("sagaline._host.", "sagaline._runtime.")
_OWN_SHARE = 0.8  # of the processor time that has passed; the rest is for the other threads


class Interrupter:
    """``install`` first, on the main thread; ``interrupt`` and ``guard`` from the watchdog's thread."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._wanted_turn = -1
        self._guarded_s = 0.0
        self._spent_s = 0.0
        self._clock: int | None = None
        self._handling = False

    @property
    def installed(self) -> bool:
        """True when code can be interrupted."""
        return self._clock is not None

    def install(self) -> bool:
        """Takes the signal; False when it is another's, or this is not the main thread."""
        if threading.current_thread() is not threading.main_thread() or signal.getsignal(_SIGNAL) != signal.SIG_DFL:
            return False
        signal.signal(_SIGNAL, self._on_signal)
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        return True

    def remove(self) -> None:
        """Gives the signal back."""
        if self._clock is not None:
            self._clock = None
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            if threading.current_thread() is threading.main_thread():
                signal.signal(_SIGNAL, signal.SIG_DFL)

    def interrupt(self, turn: int) -> None:
        """Raises ``Interrupted`` in user code if it is still in this turn."""
        main = threading.main_thread().ident
        if self._clock is not None and main is not None:
            self._wanted_turn = turn
            signal.pthread_kill(main, _SIGNAL)

    def guard(self, seconds: float) -> None:
        """Called again and again. If it is not for so many seconds of processor time, user code that has used them
        is interrupted: it lets no other thread run."""
        if self._clock is not None:
            self._guarded_s = seconds
            self._spent_s = time.clock_gettime(self._clock)
            signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN_S)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        running = self._running
        if running.code is None or self._clock is None or self._handling or _is_host(frame):
            return
        spent_s = time.clock_gettime(self._clock) - self._spent_s
        if running.turn == self._wanted_turn or spent_s >= self._guarded_s * _OWN_SHARE > 0:
            self._handling = True  # another signal may come meanwhile
            running.interrupted = stack_of(frame) or "unknown"
            self._handling = False
            raise Interrupted("Expected code that lets the event loop go on but it has blocked it for too long.")


def _is_host(frame: FrameType | None) -> bool:
    """It is about to enter or leave user code: to be interrupted there would leave it half done."""
    return frame is None or str(frame.f_globals.get("__name__")).startswith(_OWN)
