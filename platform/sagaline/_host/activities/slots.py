"""The slots of a worker's attempts: who begins, who waits, what is said when none can begin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.lanes import Lane, Place, TypeSlots
from sagaline._host.activities.stragglers import stack
from sagaline._host.options import HostOptions
from sagaline._runtime.definitions import LOOP, PROCESS, THREAD

_log = logging.getLogger("sagaline.activities")
_STACKS_SHOWN = 20


class Occupancy(NamedTuple):
    """Slots of one sort. ``overdue``: attempts that were reported as timed out or stopped, and whose code goes on."""

    limit: int
    running: int
    waiting: int
    overdue: int


class Slots:
    """``launch`` begins an attempt that has a slot; ``take_up`` is called for places whose attempts were left to the
    store, when one is free again."""

    def __init__(
        self, options: HostOptions, launch: Callable[[Attempt], None], take_up: Callable[[Place], None]
    ) -> None:
        self._launch, self._take_up = launch, take_up
        self.lanes: dict[str, Lane[Attempt]] = {
            LOOP: Lane("slots on the loop", options.concurrent_activities),
            THREAD: Lane("threads", options.activity_threads),
            PROCESS: Lane("processes", options.activity_processes),
        }
        self._kinds: dict[str, TypeSlots] = {}  # of the activities that have limits, by name
        self._loop = asyncio.get_running_loop()
        self.is_closed = False
        """Nothing more begins."""

    def wait(self, attempt: Attempt) -> None:
        """It begins when it can: now, if it only has limits of its kind to look at."""
        limits = attempt.definition.type_limits
        attempt.waits_since_s = self._loop.time()
        if limits is not None:
            name = attempt.definition.name
            if (kind := self._kinds.get(name)) is None:
                kind = self._kinds[name] = TypeSlots(limits)
            attempt.slots = kind
        attempt.lane.waiting.add(attempt)
        if limits is not None:
            self._begin_next(attempt.lane)

    def free(self, attempt: Attempt) -> None:
        """Its code has ended."""
        attempt.lane.running.discard(attempt)
        if attempt.slots is not None:
            attempt.slots.end()

    def fill(self) -> None:
        """Slots may be free again."""
        for lane in self.lanes.values():
            if lane.waiting:
                self._begin_next(lane)
            if lane.left and lane.has_room and not lane.waiting:
                left, lane.left = lane.left, set()
                for place in left:
                    self._take_up(place)

    def _begin_next(self, lane: Lane[Attempt]) -> None:
        """Attempts that wait begin, as there is room."""
        if lane.wakes_at is not None:
            lane.wakes_at.cancel()
            lane.wakes_at = None
        while lane.waiting and lane.has_room and not self.is_closed:
            now_s = self._loop.time()
            attempt, wait_s = lane.waiting.next(now_s)
            if attempt is None:
                if wait_s is not None:
                    lane.wakes_at = self._loop.call_later(wait_s, self._begin_next, lane)
                return
            if attempt.slots is not None:
                attempt.slots.begin(now_s)
            self._launch(attempt)

    @property
    def occupancy(self) -> dict[str, Occupancy]:
        """Slots for async activities ("tasks"), for ordinary functions ("threads"), and for those in processes."""
        names = {"tasks": self.lanes[LOOP], "threads": self.lanes[THREAD], "processes": self.lanes[PROCESS]}
        return {
            name: Occupancy(lane.limit, len(lane.running), len(lane.waiting), len(lane.overdue))
            for name, lane in names.items()
        }

    def cleaning_up(self) -> list[Attempt]:
        """Attempts on the loop that nobody hears any more, and whose code has only just been told to stop."""
        return [attempt for attempt in self.lanes[LOOP].running if attempt.reported and not attempt.looks]

    def say_if_stuck(self, lane: Lane[Attempt]) -> bool:
        """Whether all slots are taken by attempts whose time is over and whose code goes on: it is said."""
        if not lane.is_stuck:
            return False
        stacks = "\n".join(f"{running}:\n{stack(running)}" for running in islice(lane.running, _STACKS_SHOWN))
        _log.critical(
            "All %d %s for activities are taken by attempts that do not end after their time-out. No other of them can "
            "run here until one ends; %d wait. Workflows and other activities go on. Give what these attempts wait for "
            "a time-out, then restart this worker.\n%s",
            lane.limit,
            lane.name,
            len(lane.waiting),
            stacks,
        )
        return True

    def close(self) -> None:
        """What runs nevertheless is left behind."""
        self.is_closed = True
        for lane in self.lanes.values():
            if lane.wakes_at is not None:
                lane.wakes_at.cancel()
            for attempt in lane.running:
                if attempt.timer is not None:
                    attempt.timer.cancel()
                if attempt.code is not None:
                    attempt.code.abandoned = True
                if attempt.task is not None:
                    attempt.task.cancel()
