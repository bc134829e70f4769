"""Due times of one partition: a window of the earliest in a heap, the rest stays in the store until its turn comes."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator
from itertools import islice

from sagaline._engine.effects import SetTimer
from sagaline._engine.tables.timers import timer_key
from sagaline._host.partition.guard import Guard

_CHUNK = 500
_RECHECK_S = 5.0


class Timers:
    """Calls ``fire`` with what is due, at most a chunk a turn. Follows the wall clock, also when it jumps.

    ``stored`` gives the durable timers behind a key, the earliest first. Everything up to ``_horizon`` is in the
    heap; what is later is not, so that a million sleepers take no memory.
    """

    def __init__(
        self,
        guard: Guard,
        clock: Callable[[], int],
        fire: Callable[[list[SetTimer]], None],
        stored: Callable[[bytes], Iterator[tuple[bytes, SetTimer]]],
        window: int,
    ) -> None:
        self._loop, self._guard = asyncio.get_running_loop(), guard
        self._clock, self._fire, self._stored = clock, fire, stored
        self._window = window
        self._heap: list[tuple[bytes, SetTimer]] = []
        self._horizon: bytes | None = b""
        self._handle: asyncio.TimerHandle | None = None
        self._wakes_at = 0

    def begin(self) -> None:
        """Takes the first window from the store."""
        self._load()
        self._schedule()

    def add(self, item: SetTimer) -> None:
        """Its row is durable. Never taken back: whoever is fired checks that it still counts."""
        key = timer_key(item.due_at, item.run_id, item.step)
        if self._horizon is not None and key > self._horizon:
            return
        heapq.heappush(self._heap, (key, item))
        if len(self._heap) > 2 * self._window:
            self._heap = heapq.nsmallest(self._window, self._heap)  # sorted, and so a heap
            self._horizon = self._heap[-1][0]
        if self._handle is None or item.due_at < self._wakes_at:
            self._schedule()

    def look(self) -> None:
        """The clock has jumped: looks at once."""
        self._schedule()

    def close(self) -> None:
        """Fires nothing more."""
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _load(self) -> None:
        if self._horizon is None:
            return
        found = list(islice(self._stored(self._horizon), self._window))
        self._horizon = found[-1][0] if len(found) == self._window else None
        for entry in found:
            heapq.heappush(self._heap, entry)

    def _schedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            self._wakes_at = self._heap[0][1].due_at
            delay_s = max(0.0, (self._wakes_at - self._clock()) / 1000)
            self._handle = self._loop.call_later(min(delay_s, _RECHECK_S), self._guard.run, self._wake)

    def _wake(self) -> None:
        self._handle = None
        now = self._clock()
        due: list[SetTimer] = []
        while self._heap and self._heap[0][1].due_at <= now and len(due) < _CHUNK:
            due.append(heapq.heappop(self._heap)[1])
        if len(self._heap) <= self._window // 2:
            self._load()
        self._schedule()
        if due:
            self._fire(due)
