"""Due times of one partition: a heap, and one wake-up for the earliest."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

_CHUNK = 500
_RECHECK_S = 5.0


class Timers:
    """Calls ``fire`` with what is due, at most a chunk a turn. Follows the wall clock, also when it jumps."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int], fire: Callable[[list[Any]], None]
    ) -> None:
        self._loop, self._clock, self._fire = loop, clock, fire
        self._heap: list[tuple[int, int, Any]] = []
        self._order = itertools.count()
        self._handle: asyncio.TimerHandle | None = None
        self._wakes_at = 0

    def add(self, due_ms: int, item: Any) -> None:
        """``item`` is due at ``due_ms``. Items are never taken back: whoever is fired checks that it still counts."""
        heapq.heappush(self._heap, (due_ms, next(self._order), item))
        if self._handle is None or due_ms < self._wakes_at:
            self._schedule()

    def close(self) -> None:
        """Fires nothing more."""
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _schedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            self._wakes_at = self._heap[0][0]
            delay_s = max(0.0, (self._wakes_at - self._clock()) / 1000)
            self._handle = self._loop.call_later(min(delay_s, _RECHECK_S), self._wake)

    def _wake(self) -> None:
        self._handle = None
        now = self._clock()
        due: list[Any] = []
        while self._heap and self._heap[0][0] <= now and len(due) < _CHUNK:
            due.append(heapq.heappop(self._heap)[2])
        self._schedule()
        if due:
            self._fire(due)
