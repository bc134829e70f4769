"""Attempts whose code goes on although their time is over: seen, said, and asked again to stop."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from sagaline._host.activities.attempts import Attempt
from sagaline._host.stacks import frame_of, stack_of
from sagaline._model.limits import STACK_BYTES, cut_start
from sagaline._runtime.definitions import LOOP, THREAD

_log = logging.getLogger("sagaline.activities")
FIRST_LOOK_S = 1.0
_GROWTH = 5
_CANCELLATIONS = 3
_LOOKS = 5
_AWAITS = 20
_NUDGES, _NUDGE_S = 200, 0.05


class Stragglers:
    """Looks at each a second after its time is over, then after 5, 25, ... more; the looks, and the cancellations, are
    bounded. ``on_overdue`` hears of each at its first look."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_overdue: Callable[[Attempt], None]) -> None:
        self._loop, self._on_overdue = loop, on_overdue

    def watch(self, attempt: Attempt) -> None:
        """Its time is over, or nobody hears its outcome; a thread, which cannot be stopped, still has its time."""
        if attempt.timer is not None:
            attempt.timer.cancel()
        now_s = self._loop.time()
        over_s = now_s if attempt.definition.executor != THREAD else max(now_s, attempt.deadline_s)
        attempt.timer = self._loop.call_at(over_s + FIRST_LOOK_S, self._look, attempt)
        self.nudge(attempt)

    def nudge(self, attempt: Attempt, times: int = _NUDGES) -> None:
        """That this thread wants to run makes the attempt's thread notice that it is cancelled."""
        if times and attempt.guard is not None and attempt.guard.is_on_its_way:
            self._loop.call_later(_NUDGE_S, self.nudge, attempt, times - 1)

    def _look(self, attempt: Attempt) -> None:
        if attempt.task is None or attempt.task.done():
            return
        overdue_s = FIRST_LOOK_S * sum(_GROWTH**look for look in range(attempt.looks + 1))
        kind = {LOOP: "task", THREAD: "thread"}.get(attempt.definition.executor, "process")
        _log.warning("%s goes on %.0f s after its end, and keeps its %s:\n%s", attempt, overdue_s, kind, stack(attempt))
        attempt.looks += 1
        if attempt.looks <= _CANCELLATIONS:
            attempt.stop()
        if attempt.looks < _LOOKS:
            attempt.timer = self._loop.call_later(FIRST_LOOK_S * _GROWTH**attempt.looks, self._look, attempt)
        if attempt.looks == 1:
            self._on_overdue(attempt)


def stack(attempt: Attempt) -> str:
    """Where the attempt's code is, innermost call last."""
    if not attempt.definition.is_async:
        return stack_of(frame_of(attempt.thread))
    frames: list[FrameType] = []
    waiting: Any = attempt.task.get_coro() if attempt.task is not None else None
    while waiting is not None and len(frames) < _AWAITS:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if inspect.isframe(frame):
            frames.append(frame)
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    lines = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in frames).format()
    return cut_start("".join(lines), STACK_BYTES)
