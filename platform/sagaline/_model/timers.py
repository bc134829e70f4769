"""Events of the times that a run waits for."""

from __future__ import annotations

import msgspec


class TimerStarted(msgspec.Struct, frozen=True, gc=False):
    """The code waits until ``due_at``."""

    step: int
    due_at: int
    version: int = 1


class TimerFired(msgspec.Struct, frozen=True, gc=False):
    """The time has come."""

    step: int
    version: int = 1


class TimerCancelled(msgspec.Struct, frozen=True, gc=False):
    """The code no longer waits for that time."""

    step: int
    version: int = 1
