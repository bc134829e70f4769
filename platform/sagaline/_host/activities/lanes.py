"""Which attempts run and which wait: two queues, of those that run on the loop and of those that need a thread."""

from __future__ import annotations

import asyncio

from sagaline._host.activities.attempts import Attempt, Place


class Lane:
    """At most ``limit`` attempts run, the others wait in the order they came.

    An attempt runs until its code has ended: one that was reported as timed out and goes on (a straggler) still has
    its slot.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running: set[Attempt] = set()
        self.waiting: dict[Attempt, None] = {}  # in order
        self.left: set[Place] = set()
        """Places with attempts that stand in the store alone, because nothing could begin here."""

    @property
    def has_room(self) -> bool:
        """True when another attempt may begin."""
        return len(self.running) < self.limit

    @property
    def overdue(self) -> list[Attempt]:
        """The stragglers."""
        return [attempt for attempt in self.running if attempt.looks]

    @property
    def is_stuck(self) -> bool:
        """True when nothing can begin because stragglers have all slots."""
        return not self.has_room and all(attempt.looks for attempt in self.running)

    def next(self) -> Attempt | None:
        """The attempt that begins next; None when there is none, or no room for it."""
        if not self.waiting or not self.has_room:
            return None
        attempt = next(iter(self.waiting))
        del self.waiting[attempt]
        return attempt


class Load:
    """How much is open: attempts that run or wait, and the bytes of their inputs."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._count = self._bytes = 0
        self._room = asyncio.Event()
        self._awaited = False

    def add(self, attempt: Attempt) -> None:
        """It is open."""
        self._count += 1
        self._bytes += len(attempt.row.scheduled.input)

    def remove(self, attempt: Attempt) -> None:
        """It is no more."""
        self._count -= 1
        self._bytes -= len(attempt.row.scheduled.input)
        if self._awaited and not self.is_full:
            self._awaited = False
            self._room.set()

    @property
    def is_full(self) -> bool:
        """True when more work should not be taken in."""
        return self._count > self._most or self._bytes > self._most_bytes

    async def room(self) -> None:
        """Waits until there is room for more."""
        while self.is_full:
            self._room.clear()
            self._awaited = True
            await self._room.wait()
