"""Runs attempts of local activities: async ones on the loop, ordinary functions in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sagaline._engine.effects import StartActivity
from sagaline._engine.processors.time_outs import attempt_timeout
from sagaline._engine.tables.activities import ActivityRow
from sagaline._host import crash_points
from sagaline._host.activities.attempts import Attempt, Key
from sagaline._host.activities.heartbeats import Heartbeats
from sagaline._host.activities.lanes import Load, Place
from sagaline._host.activities.outcomes import LATER, Outcome, cancelled, unknown
from sagaline._host.activities.performer import Performer
from sagaline._host.activities.reports import Deadlines, Report, Reports
from sagaline._host.activities.slots import Occupancy, Slots
from sagaline._host.activities.stragglers import Stragglers
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._model.descriptions import Wait
from sagaline._model.failure import CANCELLED, TIMEOUT, Failure
from sagaline._runtime.definitions import Registry

__all__ = ["ActivityRunner", "Key", "Occupancy", "Place"]

_CANCEL_GRACE_S = 5.0


class ActivityRunner:
    """All attempts of a process. ``report`` gets results by place.

    Contract:

    - An attempt's clock starts when it begins to run, not when it begins to wait.
    - Exactly one result of an attempt is reported, at its deadline at the latest; when it is cancelled, after
      ``_CANCEL_GRACE_S`` at the latest. Of one that is forgotten or abandoned nothing is.
    - A slot is taken until the attempt's code has ended, which may be later.
    - While stragglers have all threads (or all slots on the loop), attempts that need one are left to the store, so
      that they do not fill this worker up. ``take_up`` is called for their places when one is free again.
    """

    def __init__(
        self,
        registry: Registry,
        options: HostOptions,
        pools: Pools,
        report: Report,
        take_up: Callable[[Place], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._registry = registry
        self._attempts: dict[Key, Attempt] = {}
        self._slots = Slots(options, self._launch, take_up)
        self._keep_waiting = self._slots.wait
        self.load = Load(4 * options.concurrent_activities, options.activity_bytes)
        """What is open: when it is full, no more work should be taken in."""
        self._reports = Reports(loop, self._settle, self._slots.fill, report)
        self._heartbeats = Heartbeats(loop, options, self._reports.beat, self._give_up)
        self._performer = Performer(options, pools, self._heartbeats, self._reports.ended)
        self._deadlines = Deadlines(loop, self._on_deadline, self._reports.ended)
        self._stragglers = Stragglers(loop, self._on_overdue)

    # Starting and stopping attempts

    def start(self, place: Place, effect: StartActivity) -> None:
        """Runs an attempt, when there is room; one that is running already is left to run."""
        row = effect.row
        scheduled = row.scheduled
        key = (place, effect.run_id, scheduled.step)
        newest = self._attempts.get(key)
        if newest is not None:
            if newest.row.attempt == row.attempt:
                return
            self._forget(newest)
        definition = self._registry.activities.get(scheduled.activity)
        if definition is None or row.cancel_requested:
            why = cancelled("its worker stopped while it was being cancelled")
            self._reports.add(place, effect.run_id, row, why if row.cancel_requested else unknown(row))
            return
        lane = self._slots.lanes[definition.executor]
        has_room = len(lane.running) < lane.limit
        if not has_room and lane.is_stuck:
            lane.left.add(place)
            return
        attempt = self._attempts[key] = Attempt(key, row, definition, lane)
        self.load.add(attempt)
        if has_room and definition.type_limits is None and not self._slots.is_closed:
            self._launch(attempt)
        else:
            self._keep_waiting(attempt)

    def cancel(self, place: Place, run_id: str, step: int) -> None:
        """Stops an attempt; its outcome is reported. It has its grace to end."""
        attempt = self._attempts.get((place, run_id, step))
        if attempt is None or attempt.stopped_by:
            return
        attempt.stopped_by = CANCELLED
        if attempt.task is None:
            self._finish(attempt, cancelled("it was cancelled before it began"))
            return
        self._deadlines.bring_forward(attempt, _CANCEL_GRACE_S)
        attempt.stop()
        self._stragglers.nudge(attempt)

    def expire(self, run_id: str, step: int) -> None:
        """An attempt's time is over now, as at its deadline: for tests, which do not wait for it."""
        for (_, run, number), attempt in self._attempts.items():
            if (run, number) == (run_id, step) and attempt.task is not None:
                if attempt.timer is not None:
                    attempt.timer.cancel()
                self._on_deadline(attempt)
                return

    def forget(self, place: Place, run_id: str, step: int) -> None:
        """Stops an attempt whose outcome nobody hears."""
        attempt = self._attempts.get((place, run_id, step))
        if attempt is not None:
            self._forget(attempt)

    def hold(self, place: Place, run_id: str) -> None:
        """Attempts of the run that wait for a slot are left to the store; those that run go on."""
        for attempt in [attempt for attempt in self._attempts.values() if attempt.task is None]:
            if (attempt.place, attempt.run_id) == (place, run_id):
                self._close(attempt)

    def abandon(self, place: Place) -> None:
        """The partition is another worker's: its attempts are stopped and not reported."""
        for attempt in [attempt for attempt in self._attempts.values() if attempt.place == place]:
            self._forget(attempt)
        for lane in self._slots.lanes.values():
            lane.left.discard(place)
        self._reports.drop(place)

    async def drain(self, grace_s: float) -> None:
        """Starts nothing more and waits for what runs, for a bounded time; then stops it. What was stopped a moment
        ago, unheard, may clean up too: it ends a process that it has begun, or closes a connection."""
        self._slots.is_closed = True
        attempts = {*self._attempts.values(), *self._slots.cleaning_up()}
        tasks = [attempt.task for attempt in attempts if attempt.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
            await asyncio.sleep(0)

    def close(self) -> None:
        """Stops everything, unreported: it is attempted again elsewhere. What goes on nevertheless is left behind."""
        self._slots.is_closed = True
        for attempt in list(self._attempts.values()):
            self._forget(attempt)
        self._performer.close()
        self._slots.close()

    # What others look at

    def why_not_begun(self, place: Place, run_id: str, row: ActivityRow, now_ms: int) -> Wait | None:
        """What an attempt that is on record waits for here; None when it runs, or nothing is known of it."""
        attempt = self._attempts.get((place, run_id, row.scheduled.step))
        if attempt is None:
            definition = self._registry.activities.get(row.scheduled.activity)
            lane = None if definition is None else self._slots.lanes[definition.executor]
            return lane.full() if lane is not None and place in lane.left else None
        if attempt.task is not None:
            return None
        waited_s = asyncio.get_running_loop().time() - attempt.waits_since_s
        return attempt.lane.why(attempt, now_ms - round(waited_s * 1_000))

    def is_running(self, place: Place, run_id: str, step: int) -> bool:
        """True when the newest attempt of a step has begun and was not reported."""
        attempt = self._attempts.get((place, run_id, step))
        return attempt is not None and attempt.task is not None

    @property
    def occupancy(self) -> dict[str, Occupancy]:
        """Slots for async activities ("tasks"), for ordinary functions ("threads"), and for those in processes."""
        return self._slots.occupancy

    # One attempt

    def _launch(self, attempt: Attempt) -> None:
        attempt.lane.running.add(attempt)
        self._performer.begin(attempt)
        self._deadlines.start(attempt)
        if attempt.row.watched is not None:
            self._heartbeats.begin(attempt)

    def _on_deadline(self, attempt: Attempt) -> None:
        if attempt.stopped_by:
            self._finish(attempt, cancelled("it was cancelled, and did not end then"))
        else:
            self._give_up(attempt, attempt_timeout(attempt.row))
            return
        attempt.stop()
        self._stragglers.watch(attempt)

    def _give_up(self, attempt: Attempt, failure: Failure) -> None:
        """Its time is over."""
        attempt.stopped_by = TIMEOUT
        self._finish(attempt, failure)
        attempt.stop()
        self._stragglers.watch(attempt)

    def _settle(self, attempt: Attempt, outcome: Outcome) -> None:
        """Its code has ended."""
        if crash_points.armed:
            crash_points.reach("after-activity")
        self._slots.free(attempt)
        attempt.task = None
        if attempt.timer is not None:
            attempt.timer.cancel()
        self._finish(attempt, outcome)

    def _finish(self, attempt: Attempt, outcome: Outcome) -> None:
        if not attempt.reported:
            self._close(attempt)
            details = None
            if attempt.unsaid is not None or outcome is LATER:
                details = self._heartbeats.finish(attempt, outcome)
            if isinstance(outcome, bytes | Failure):
                said = (attempt.next_delay_ms, details)
                self._reports.add(attempt.place, attempt.run_id, attempt.row, outcome, *said)

    def _forget(self, attempt: Attempt) -> None:
        self._close(attempt)
        attempt.stop()
        if attempt.task is not None:
            self._stragglers.watch(attempt)

    def _close(self, attempt: Attempt) -> None:
        """Nothing more is reported of it. It was the newest of its step till now: another one closes it first."""
        if not attempt.reported:
            attempt.reported = True
            del self._attempts[attempt.key]
            self.load.remove(attempt)
            if attempt.beats is not None:
                attempt.beats.close()
            if attempt.lane.waiting.count:
                attempt.lane.waiting.discard(attempt)

    def _on_overdue(self, attempt: Attempt) -> None:
        """Its time is over and its code goes on: when that is so with all of a lane, it is said."""
        lane = attempt.lane
        if self._slots.say_if_stuck(lane):
            for waiting in list(lane.waiting):
                lane.left.add(waiting.place)
                self._close(waiting)
