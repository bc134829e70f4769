"""The virtual clock of workflows: it stands still while something happens, else it jumps to the next timer.

It is the worker's clock for everything durable: ``workflow.now()``, sleeps, time-outs in workflow code, and the pauses
between attempts. Activities are ordinary code and run in real time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from sagaline._engine.tables.runs import RunView
from sagaline._host.host import Host
from sagaline._log import COMMANDS, RESULTS, Log
from sagaline._model.limits import cut
from sagaline._model.records import PARKED
from sagaline.client.requests import Asking
from sagaline.testing.watched_log import WatchedLog

_TURNS = 3
_PAUSE_S = {"memory": 0.0, "sqlite": 0.01}
_PAUSE_ELSEWHERE_S = 0.15
"""Seconds between the two looks that both have to find nothing to do."""
_LOOK_AGAIN_S = 0.001
_STUCK_S = {"memory": 2.0, "sqlite": 2.0}
_STUCK_ELSEWHERE_S = 30.0
"""Seconds until a test that waits for nothing is told: a broker may take its time to hand on what was sent."""
_PARKED_S = 0.1
_BUSY_S = 60.0


class Stuck(AssertionError):
    """The test waits for something that cannot come: no timer is left, and no activity runs. The message says how the
    run stands, and for a parked run why."""


class Clock:
    """Milliseconds since 1970, as the worker asks for them. ``drive`` moves it while requests wait for their answer."""

    def __init__(self, start: datetime) -> None:
        self._now_ms = round(start.timestamp() * 1_000)
        self._held = 0

    def __call__(self) -> int:
        return self._now_ms

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(self._now_ms / 1_000, UTC)

    def set(self, to_ms: int) -> None:
        """Moves it forward; it never goes back."""
        self._now_ms = max(self._now_ms, to_ms)

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None, None]:
        """Nobody else moves it."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    @property
    def is_held(self) -> bool:
        """True while it is moved by hand."""
        return self._held > 0


class Outside(NamedTuple):
    """What is not the worker: the kind of log, requests without an answer, and the log as the client sees it."""

    scheme: str
    unanswered: Callable[[], set[Asking]]
    log: WatchedLog


class World:
    """What there may be to do in an environment: its worker, and what its client has asked."""

    def __init__(self, clock: Clock, log: Log, outside: Outside, host: Callable[[], Host | None]) -> None:
        self.clock, self._log, self._outside, self._host = clock, log, outside, host
        self._pause_s = _PAUSE_S.get(outside.scheme, _PAUSE_ELSEWHERE_S)
        self.stuck_s = _STUCK_S.get(outside.scheme, _STUCK_ELSEWHERE_S)

    @property
    def waiting(self) -> set[Asking]:
        """Requests without their answer."""
        return self._outside.unanswered()

    async def is_still(self) -> bool:
        """True when nothing goes on, and nothing did a moment ago."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if not await self._has_nothing_to_do():
            return False
        await asyncio.sleep(self._pause_s)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        return await self._has_nothing_to_do() and not self.busy()

    async def until_still(self) -> None:
        """Waits until nothing goes on. Raises Stuck when that does not come."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _BUSY_S
        while not await self.is_still():
            if loop.time() > until_s:
                raise Stuck(f"Expected the environment to come to rest within {_BUSY_S:g} s but it has {self.busy()}.")
            await asyncio.sleep(_LOOK_AGAIN_S)

    def busy(self) -> str:
        """What goes on in the worker, in words; empty when nothing does."""
        host = self._host()
        if host is None:
            return "no worker"
        for name, lane in host.process.activities.occupancy.items():
            if lane.running - lane.overdue + lane.waiting:
                return f"{lane.running - lane.overdue + lane.waiting} attempts of activities ({name})"
        if len(host.live) < self._log.partitions:
            return "partitions that are not taken over yet"
        for partition in host.live:
            if partition.in_flight or partition.bytes_in_flight or not partition.rooms.outbox.is_empty:
                return "records on their way"
        due_ms = self.next_due_ms()
        return "timers that are due" if due_ms is not None and due_ms <= self.clock() else ""

    async def _has_nothing_to_do(self) -> bool:
        host = self._host()
        if host is None or self.busy() or not await self._outside.log.is_still():
            return False
        for partition in host.live:
            ends = [(await self._log.bounds(topic, partition.number))[1] for topic in (COMMANDS, RESULTS)]
            if tuple(ends) != partition.progress.consumed:
                return False
        return True

    def next_due_ms(self) -> int | None:
        """When the earliest durable timer is due."""
        host = self._host()
        timers = [] if host is None else [next(p.rows.durable.timers.behind(b""), None) for p in host.live]
        return min((entry[1].due_at for entry in timers if entry is not None), default=None)

    def run(self, workflow_id: str, run_id: str) -> RunView | None:
        """A run as its owner has it on record."""
        host = self._host()
        for partition in () if host is None else host.live:
            run = partition.rows.durable.run_by_id(workflow_id, run_id)
            if run is not None and run.run_id == run_id:
                return run
        return None

    async def until_recorded(self, run_id: str, step: int) -> None:
        """Waits until the outcome of an activity is on record."""
        while True:
            host = self._host()
            if host is not None and all(p.rows.durable.activity(run_id, step) is None for p in host.live):
                return
            await asyncio.sleep(_LOOK_AGAIN_S)

    def parked(self, workflow_id: str) -> str | None:
        """Why the newest run of the id is parked; None when it is not."""
        host = self._host()
        for partition in () if host is None else host.live:
            run = partition.rows.durable.run(workflow_id)
            if run is not None and run.parked_steps and not run.closed:
                return "a step waits for a person (sagaline saga ledger)"
            if run is not None and run.status == PARKED:
                failure = run.failure
                return "for no known reason" if failure is None else f"{failure.type}: {failure.message}"
        return None


def give_up(world: World, driver: asyncio.Task[None]) -> None:
    """Whoever waits hears of it when ``drive`` has failed: nothing would move the clock any more."""
    error = None if driver.cancelled() else driver.exception()
    if error is not None:
        for asking in world.waiting:
            asking.future.set_exception(error)


async def drive(clock: Clock, world: World, jump: Callable[[int], None]) -> None:
    """Moves the clock on, as long as somebody waits for an answer that only a timer can bring."""
    loop = asyncio.get_running_loop()
    still_since: float | None = None
    while True:
        waited_before = world.waiting
        if not waited_before or not await world.is_still() or clock.is_held or waited_before != world.waiting:
            still_since = None  # or something was asked or answered meanwhile
            await asyncio.sleep(_LOOK_AGAIN_S)
            continue
        due_ms = world.next_due_ms()
        if due_ms is not None:
            still_since = None
            jump(due_ms)
            continue
        still_since = loop.time() if still_since is None else still_since
        _tell_stuck(world, loop.time() - still_since)
        await asyncio.sleep(_LOOK_AGAIN_S)


def _tell_stuck(world: World, still_s: float) -> None:
    """Whoever waits for what cannot come is told so."""
    for asking in world.waiting:
        workflow_id = asking.request.workflow_id
        why = world.parked(workflow_id)
        if why is not None and still_s >= _PARKED_S:
            asking.future.set_exception(Stuck(cut(f"Expected run {workflow_id!r} to go on but it is parked: {why}")))
        elif still_s >= world.stuck_s:
            text = (
                f"Expected run {workflow_id!r} to go on but nothing is left to happen: no timer is set and no activity "
                f"runs. Does it wait for something that the test has not sent?"
            )
            asking.future.set_exception(Stuck(text))
