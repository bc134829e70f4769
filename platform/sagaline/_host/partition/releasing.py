"""Effects of records that are durable: attempts start, messages leave, timers run, those who wait are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sagaline._engine.effects import (
    Answer,
    AnswerUpdate,
    CancelActivity,
    CloseRun,
    CoverPositions,
    Effect,
    ForgetActivity,
    GoOn,
    HoldActivities,
    Publish,
    SetTimer,
    StartActivities,
    StartActivity,
)
from sagaline._engine.replies import REPLIES
from sagaline._engine.tables.activities import ActivityRow
from sagaline._host import crash_points
from sagaline._host.activities.runner import ActivityRunner, Place
from sagaline._host.hooks import Recorded
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.rows import Rows
from sagaline._host.publishing.outbox import Outbox
from sagaline._host.reading.reads import Reads
from sagaline._host.runs.stalled import is_stalled
from sagaline._host.timers import Timers
from sagaline._log import Log
from sagaline._model.descriptions import Wait
from sagaline._model.records import PARKED


class Attempts:
    """Attempts of the partition's activities: now, or when a retry is due."""

    def __init__(
        self, place: Place, rows: Rows, activities: ActivityRunner, timers: Timers, clock: Callable[[], int]
    ) -> None:
        self._place, self._activities = place, activities
        self._decided, self._durable = rows.decided, rows.durable
        self._timers, self._clock = timers, clock

    def start(self, effect: StartActivity) -> None:
        """Runs an attempt, now or at its time."""
        if effect.row.parked_at:
            return
        retry_at = effect.row.retry_at
        if retry_at and retry_at > self._clock():
            self._timers.add(SetTimer(retry_at, effect.row.workflow_id, effect.run_id, effect.row.scheduled.step))
        elif effect.row.scheduled.queue:
            self._watch(effect)
        elif not self._is_paused(effect.row.workflow_id, effect.run_id):
            self._activities.start(self._place, effect)

    def _watch(self, effect: StartActivity) -> None:
        """Workers of a queue make it; whatever is due about it is decided then."""
        row = effect.row
        if row.due_at:
            self._timers.add(SetTimer(row.due_at, row.workflow_id, effect.run_id, row.scheduled.step))

    def start_if_open(self, run_id: str, durable: ActivityRow) -> None:
        """Runs an attempt that is on record, unless what follows it is decided already."""
        if durable.scheduled.queue:
            self._watch(StartActivity(run_id, durable))
            return
        if durable.is_awaited:
            return  # its code has ended: its outcome comes from outside
        row = self._decided.activity(run_id, durable.scheduled.step)
        run = self._decided.run_by_id(durable.workflow_id, run_id)
        if run is not None and run.status == PARKED and is_stalled(run):
            return  # it may be this activity that has blocked a worker: a person says when it is attempted again
        if self._is_paused(durable.workflow_id, run_id):
            return
        if row is not None and row.attempt == durable.attempt and not row.parked_at:
            self._activities.start(self._place, StartActivity(run_id, row))

    def hold(self, effect: HoldActivities) -> None:
        """The run is paused: no attempt of it begins."""
        self._activities.hold(self._place, effect.run_id)

    def start_all(self, effect: StartActivities) -> None:
        """The run is paused no more: what was held is attempted. One that runs is left to run."""
        for held in self._durable.activities.of(effect.run_id):
            if held.row.retry_at > self._clock():
                self.start(held)
            else:
                self.start_if_open(held.run_id, held.row)

    def _is_paused(self, workflow_id: str, run_id: str) -> bool:
        """From when that is decided until its end is durable: ``start_all`` follows then."""
        run = self._decided.run_by_id(workflow_id, run_id)
        if run is None or not run.commands_received:
            return False  # nobody has ever paused it
        durable = self._durable.run_by_id(workflow_id, run_id)
        return run.paused_at is not None or (durable is not None and durable.paused_at is not None)

    def has_begun(self, run_id: str, step: int) -> bool:
        """True when an attempt of it runs here."""
        return self._activities.is_running(self._place, run_id, step)

    def waits_for(self, run_id: str, row: ActivityRow) -> Wait | None:
        """What the attempt of a row waits for here, for the reader."""
        now_ms = self._clock()
        if row.parked_at or row.is_awaited or row.retry_at > now_ms:
            return None
        return self._activities.why_not_begun(self._place, run_id, row, now_ms)

    async def room(self) -> None:
        """Waits until there is room for more."""
        await self._activities.load.room()

    def cancel(self, effect: CancelActivity) -> None:
        """Stops an attempt; its outcome is reported."""
        self._activities.start(self._place, StartActivity(effect.run_id, effect.row))
        self._activities.cancel(self._place, effect.run_id, effect.row.scheduled.step)

    def forget(self, effect: ForgetActivity) -> None:
        """Stops an attempt whose outcome nobody hears."""
        self._activities.forget(self._place, effect.run_id, effect.step)


class Releasing:
    """Where effects go. ``on_positions`` hears that a record of positions is durable, ``go_on`` that a run goes on."""

    def __init__(
        self,
        log: Log,
        progress: Progress,
        attempts: Attempts,
        timers: Timers,
        outbox: Outbox,
        reads: Reads,
        on_positions: Callable[[int, int], None],
        go_on: Callable[[str], None],
    ) -> None:
        self._log, self._progress, self._outbox, self._reads = log, progress, outbox, reads
        self._release: dict[type[Any], Callable[[Any], None]] = {
            StartActivity: attempts.start,
            CancelActivity: attempts.cancel,
            ForgetActivity: attempts.forget,
            HoldActivities: attempts.hold,
            StartActivities: attempts.start_all,
            SetTimer: timers.add,
            Publish: outbox.publish,
            Answer: self.answer,
            CloseRun: lambda effect: reads.closed(effect.workflow_id, effect.run_id),
            AnswerUpdate: lambda effect: reads.updated(effect.run_id, effect.update_id),
            CoverPositions: lambda effect: on_positions(effect.epoch, effect.number),
            GoOn: lambda effect: go_on(effect.workflow_id),
        }

    def tell(self, hear: Callable[[Recorded], None]) -> None:
        """``hear`` is told of what the recorder tells of."""
        self._release[Recorded] = hear

    def release(self, messages: Sequence[Publish], effects: Sequence[list[Effect]]) -> None:
        """The effects of records that are applied, and their messages, which leave first."""
        if crash_points.armed:
            crash_points.reach("before-effects")
        for message in messages:
            self._outbox.publish(message)
        self._outbox.advance()
        release = self._release
        for of_record in effects:
            for effect in of_record:
                release[type(effect)](effect)
        if crash_points.armed:
            crash_points.reach("after-effects")
        self._reads.proven(self._progress.acknowledged, idle=not self._progress.in_flight)

    def effect(self, effect: Effect) -> None:
        """One effect that the rows call for again."""
        self._release[type(effect)](effect)

    def answer(self, effect: Answer) -> None:
        """Answers a request directly."""
        self._log.publish(REPLIES, effect.partition, effect.client.encode(), effect.value)
