"""Who waits for the end of a run: each for as long as it listens, and no more of them than there is room for."""

from __future__ import annotations

import asyncio
import math
from typing import NamedTuple, TypeVar

from sagaline._host.partition.guard import Guard

_MOST = 10_000
K = TypeVar("K")
Names = dict[str, None]
"""Request ids in the order in which they came."""


class Asker(NamedTuple):
    """A request, and where its answer goes."""

    request_id: str
    workflow_id: str
    reply_to: str
    reply_partition: int


class _Waiter(NamedTuple):
    asker: Asker
    run_id: str
    second: int  # of the loop's clock in which it is forgotten; 0 for never


class Waiters:
    """By request id: a request that is repeated waits once. The oldest goes when there are more than ``most``.

    Whoever is forgotten asks again, if it still wants to know. Times are rounded up to seconds.
    """

    def __init__(self, guard: Guard, most: int = _MOST) -> None:
        self._guard, self._most = guard, most
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, _Waiter] = {}  # by request id, the longest first
        self._by_run: dict[str, Names] = {}
        self._by_second: dict[int, Names] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, asker: Asker, run_id: str, waits_ms: int) -> None:
        """Notes who waits for a run's end, for ``waits_ms`` milliseconds; 0 is for as long as there is room."""
        self._forget(asker.request_id)
        second = math.ceil(self._loop.time() + waits_ms / 1_000) if waits_ms > 0 else 0
        self._waiting[asker.request_id] = _Waiter(asker, run_id, second)
        self._by_run.setdefault(run_id, {})[asker.request_id] = None
        if second:
            self._by_second.setdefault(second, {})[asker.request_id] = None
            self._schedule()
        if len(self._waiting) > self._most:
            self._forget(next(iter(self._waiting)))

    def has(self, run_id: str) -> bool:
        """True when somebody waits for a run."""
        return run_id in self._by_run

    def take(self, run_id: str) -> list[Asker]:
        """Those who wait for a run, the longest first; they wait no more."""
        askers = [self._waiting[name].asker for name in self._by_run.get(run_id, ())]
        for asker in askers:
            self._forget(asker.request_id)
        return askers

    def move(self, run_id: str, to: str) -> None:
        """Those who wait for a run wait for the one as which it goes on, as long as they would have."""
        for name in list(self._by_run.get(run_id, ())):
            _discard(self._by_run, run_id, name)
            self._waiting[name] = self._waiting[name]._replace(run_id=to)
            self._by_run.setdefault(to, {})[name] = None

    def _forget(self, request_id: str) -> None:
        waiter = self._waiting.pop(request_id, None)
        if waiter is not None:
            _discard(self._by_run, waiter.run_id, request_id)
            _discard(self._by_second, waiter.second, request_id)

    def _schedule(self) -> None:
        """Wakes when the first of them is to be forgotten."""
        if not self._by_second:
            return
        first = min(self._by_second)
        if self._timer is not None:
            if self._timer.when() <= first:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(first, self._guard.run, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        for second in [second for second in self._by_second if second <= now]:
            for request_id in list(self._by_second[second]):
                self._forget(request_id)
        self._schedule()

    def close(self) -> None:
        """Forgets everybody; they ask again."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        self._by_run.clear()
        self._by_second.clear()


def _discard(index: dict[K, Names], key: K, request_id: str) -> None:
    """Takes a request out of an index, and its entry when nobody is left there."""
    names = index.get(key)
    if names is not None:
        names.pop(request_id, None)
        if not names:
            del index[key]
