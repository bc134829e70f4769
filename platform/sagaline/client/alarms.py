"""Time limits of requests, most of which are answered before they matter.

Each request has two, seconds away. A timer of the loop for each would cost more than the rest of the waiting: a place
in a heap that grows with the requests, and the work of taking it out again. So there is one timer for all the limits
that are set within a second; those that still matter when it fires get timers of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

_SOON_S = 1.0


class Alarm(msgspec.Struct):
    """A callback at a time of the loop's clock, unless it is cancelled before. (A struct is made in C.)"""

    _due_s: float
    _callback: Callable[[], None] | None
    _timer: asyncio.TimerHandle | None = None

    def arm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Gives it a timer, if it still matters."""
        if self._callback is not None:
            self._timer = loop.call_at(self._due_s, self._callback)

    def cancel(self) -> None:
        """It matters no more. May be called again."""
        self._callback = None
        if self._timer is not None:
            self._timer.cancel()


NO_ALARM = Alarm(0.0, lambda: None)
"""Stands where none is set yet."""


class Alarms:
    """The limits of one client's requests. Made on its loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._unarmed: list[Alarm] = []
        self._arming: asyncio.TimerHandle | None = None

    def after(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        """Calls back in so many seconds."""
        alarm = Alarm(self._loop.time() + seconds, callback)
        if seconds <= _SOON_S:
            alarm.arm(self._loop)
            return alarm
        self._unarmed.append(alarm)
        if self._arming is None:
            self._arming = self._loop.call_later(_SOON_S, self._arm)
        return alarm

    def _arm(self) -> None:
        self._arming = None
        unarmed, self._unarmed = self._unarmed, []
        for alarm in unarmed:
            alarm.arm(self._loop)

    def close(self) -> None:
        """Nobody is called any more whose timer is not set yet."""
        self._unarmed.clear()
        if self._arming is not None:
            self._arming.cancel()
