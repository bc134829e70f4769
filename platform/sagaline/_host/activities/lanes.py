"""Which attempts run and which wait: a queue of those that run on the loop, of those that need
a thread, and of those that need a process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

from sagaline._engine.tables.activities import ActivityRow
from sagaline._model.descriptions import CONCURRENCY, RATE, SLOT, Wait
from sagaline._model.flow import NORMAL
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.rates import TypeLimits

Place = tuple[str, int]
"""A partition of a namespace: a process may work for several."""


class TypeSlots:
    """The limits of one kind of activity in this worker. ``next_s``: when the next attempt may begin, by its rate; a
    tenth of a second's attempts may come at once."""

    def __init__(self, limits: TypeLimits) -> None:
        self.limits = limits
        self.running = 0
        self._due_s = 0.0
        self._slack_s = max(0.0, 0.1 - limits.interval_s)

    def wait_s(self, now_s: float) -> float | None:
        """How long until another attempt may begin: 0 for now, None for when one has ended."""
        if self.limits.concurrency and self.running >= self.limits.concurrency:
            return None
        return max(0.0, self._due_s - self._slack_s - now_s)

    def begin(self, now_s: float) -> None:
        """An attempt begins."""
        self.running += 1
        self._due_s = max(now_s, self._due_s) + self.limits.interval_s

    def end(self) -> None:
        """Its code has ended."""
        self.running -= 1


class Waiter(Protocol):
    """An attempt, as its lane sees it. ``looks``: it was found to go on after its end."""

    row: ActivityRow
    definition: ActivityDefinition
    slots: TypeSlots | None
    looks: int
    place: Place


A = TypeVar("A", bound=Waiter)


class Waiting(Generic[A]):
    """Attempts that wait. Those of the highest priority go first; among them kinds of activities take turns, of a kind
    its fairness keys, and those of one key go in the order they came."""

    def __init__(self) -> None:
        self._levels: dict[int, dict[str, dict[str, dict[A, None]]]] = {}
        """By priority, kind and fairness key, of both the one whose turn it is first."""
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[A]:
        for level in self._levels.values():
            for keys in level.values():
                for queue in keys.values():
                    yield from queue

    def before(self, attempt: A) -> int:
        """How many of its priority, kind and key are before it."""
        priority, key = _urgency(attempt)
        return list(self._levels.get(priority, {}).get(attempt.definition.name, {}).get(key, ())).index(attempt)

    def add(self, attempt: A) -> None:
        """It waits."""
        priority, key = _urgency(attempt)
        kinds = self._levels.setdefault(priority, {})
        kinds.setdefault(attempt.definition.name, {}).setdefault(key, {})[attempt] = None
        self.count += 1

    def discard(self, attempt: A) -> None:
        """It waits no more."""
        (priority, key), name = _urgency(attempt), attempt.definition.name
        kinds = self._levels.get(priority, {})
        keys = kinds.get(name, {})
        queue = keys.get(key)
        if queue is not None and attempt in queue:
            del queue[attempt]
            self.count -= 1
            if not queue:
                del keys[key]
            if not keys:
                del kinds[name]
            if not kinds:
                del self._levels[priority]

    def next(self, now_s: float) -> tuple[A | None, float | None]:
        """The attempt that begins next; or when to look again, if a rate holds all of them back."""
        soonest: float | None = None
        for priority in sorted(self._levels):
            kinds = self._levels[priority]
            for name, keys in kinds.items():
                key, queue = next(iter(keys.items()))
                attempt = next(iter(queue))
                wait_s = 0.0 if attempt.slots is None else attempt.slots.wait_s(now_s)
                if wait_s == 0.0:
                    self.discard(attempt)
                    _turn(keys, key)
                    _turn(kinds, name)
                    return attempt, None
                if wait_s is not None and (soonest is None or wait_s < soonest):
                    soonest = wait_s
        return None, soonest


def _turn(queues: dict[str, Any], name: str) -> None:
    """Those behind it are next, if it has more."""
    if name in queues:
        queues[name] = queues.pop(name)


def _urgency(attempt: Waiter) -> tuple[int, str]:
    limits = attempt.row.scheduled.limits
    return (NORMAL, "") if limits is None else (limits.priority or NORMAL, limits.fairness_key)


class Lane(Generic[A]):
    """At most ``limit`` attempts run, the others wait.

    An attempt runs until its code has ended: one that was reported as timed out and goes on (a straggler) still has
    its slot.
    """

    def __init__(self, name: str, limit: int) -> None:
        self.name, self.limit = name, limit
        self.running: set[A] = set()
        self.waiting: Waiting[A] = Waiting()
        self.left: set[Place] = set()
        """Places with attempts that stand in the store alone, because nothing could begin here."""
        self.wakes_at: asyncio.TimerHandle | None = None
        """When a rate lets another attempt begin."""

    @property
    def has_room(self) -> bool:
        """True when another attempt may begin."""
        return len(self.running) < self.limit

    @property
    def overdue(self) -> list[A]:
        """The stragglers."""
        return [attempt for attempt in self.running if attempt.looks]

    @property
    def is_stuck(self) -> bool:
        """True when nothing can begin because stragglers have all slots."""
        return not self.has_room and all(attempt.looks for attempt in self.running)

    def why(self, attempt: A, since_ms: int) -> Wait:
        """What an attempt waits for, for the reader."""
        limits = None if attempt.slots is None else attempt.slots.limits
        before = self.waiting.before(attempt)
        name = attempt.definition.name
        if self.has_room and limits is not None and attempt.slots is not None:
            if attempt.slots.wait_s(0.0) is None:
                return Wait(CONCURRENCY, name, str(limits.concurrency), since_ms, before)
            if limits.rate:
                return Wait(RATE, name, limits.rate, since_ms, before)
        return self.full(since_ms, before)

    def full(self, since_ms: int = 0, before: int | None = None) -> Wait:
        """There is no slot."""
        return Wait(SLOT, self.name, str(self.limit), since_ms, before)


class HasInput(Protocol):
    """An attempt, as its worker's load sees it."""

    row: ActivityRow


class Load:
    """How much is open: attempts that run or wait, and the bytes of their inputs."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self.count = self._bytes = 0
        self._room = asyncio.Event()
        self._awaited = False

    def add(self, attempt: HasInput) -> None:
        """It is open."""
        self.count += 1
        self._bytes += len(attempt.row.scheduled.input)

    def remove(self, attempt: HasInput) -> None:
        """It is no more."""
        self.count -= 1
        self._bytes -= len(attempt.row.scheduled.input)
        if self._awaited and not self.is_full:
            self._awaited = False
            self._room.set()

    @property
    def is_full(self) -> bool:
        """True when more work should not be taken in."""
        return self.count > self._most or self._bytes > self._most_bytes

    async def room(self) -> None:
        """Waits until there is room for more."""
        while self.is_full:
            self._room.clear()
            self._awaited = True
            await self._room.wait()
