"""Tasks that a worker has taken: each is run once here, however often it was read, and is done when its result is in
the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from sagaline._engine.effects import StartActivity
from sagaline._engine.tables.activities import ActivityRow, Queued, Watched
from sagaline._host.activities.runner import ActivityRunner, Place
from sagaline._host.queues.cancelled import Cancelled
from sagaline._host.queues.finished import Finished
from sagaline._host.queues.results import Results
from sagaline._model.activities import ActivityScheduled, AttemptLimits
from sagaline._model.failure import CANCELLED, TIMEOUT, Failure, RetryPolicy
from sagaline._model.records import ActivityResult, CancelTask, Heartbeat, Task
from sagaline._model.tasks import task_id

_REMEMBERED = 10_000
"""Tasks that were done last: a repeat of one of them is not run."""


class Setting(NamedTuple):
    """Where tasks are run."""

    place: Place
    worker: str
    """The worker's name for itself."""
    clock: Callable[[], int]


class _Open(msgspec.Struct, eq=False):
    """A task that is not done. ``read_at``: where it stands, each time that it was read."""

    id: str
    effect: StartActivity
    read_at: list[tuple[Finished, int]]
    was_seen: bool = False  # at work, when it was looked at
    is_told: bool = False  # that it has begun

    def finish(self) -> None:
        for finished, offset in self.read_at:
            finished.add(offset)
        self.read_at.clear()


class Tasks:
    """``counts`` says what became of tasks."""

    def __init__(self, setting: Setting, runner: ActivityRunner, results: Results, cancelled: Cancelled) -> None:
        self._setting, self._runner, self._results, self._cancelled = setting, runner, results, cancelled
        self._open: dict[str, _Open] = {}
        self._newest: dict[tuple[str, int], _Open] = {}  # by run and step
        self._done: dict[str, None] = {}  # in order
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    # What is read

    def take(self, task: Task, finished: Finished, offset: int) -> None:
        """A task was read. It is done at once when it is a repeat, was given up, or nobody waits for it any more."""
        name = task_id(task.run_id, task.step, task.attempt)
        known = self._open.get(name)
        if known is not None:
            self.counts["repeated"] += 1
            known.read_at.append((finished, offset))
            return
        newest = self._newest.get((task.run_id, task.step))
        is_old = newest is not None and newest.effect.row.attempt > task.attempt
        if name in self._done or is_old:
            self.counts["given up" if is_old else "repeated"] += 1
            finished.add(offset)
            return
        if newest is not None:  # given up: the runner forgets it when the new one starts
            self._close(newest)
        opened = _Open(name, StartActivity(task.run_id, _row(task)), [(finished, offset)])
        self._open[name] = self._newest[task.run_id, task.step] = opened
        failure = self._why_not(name, task)
        if failure is None:
            self.counts["taken"] += 1
            self._runner.start(self._setting.place, opened.effect)
        else:
            self.counts["cancelled" if failure.kind == CANCELLED else "late"] += 1
            self._send(opened, ActivityResult(task.workflow_id, task.run_id, task.step, task.attempt, None, failure))

    def _why_not(self, name: str, task: Task) -> Failure | None:
        reason = self._cancelled.reason(name)
        if reason is not None:
            return Failure("Cancelled", f"it was cancelled before it began: {reason}", CANCELLED, retryable=False)
        late_ms = self._setting.clock() - task.deadline if task.deadline else -1
        if late_ms >= 0:
            message = f"{task.activity} did not begin: its task was read {late_ms / 1_000:g} s after its deadline"
            return Failure("Late", message, TIMEOUT, retryable=False)
        return None

    def stop(self, name: str, cancel: CancelTask) -> None:
        """A task is to stop, if it is here; its outcome is reported."""
        if name in self._open:
            self._runner.cancel(self._setting.place, cancel.run_id, cancel.step)

    # What comes of them

    def on_results(self, results: list[ActivityResult | Heartbeat]) -> None:
        """What attempts came to, or say."""
        for result in results:
            opened = self._open.get(task_id(result.run_id, result.step, result.attempt))
            if opened is None:
                continue
            if isinstance(result, ActivityResult):
                self.counts["failed" if result.result is None else "completed"] += 1
                self._send(opened, result)
                continue
            opened.is_told = True
            beat = msgspec.structs.replace(result, worker=self._setting.worker)
            if beat.awaited_until:  # its outcome comes from outside
                self._results.send(beat, partial(self._close, opened))
            else:
                self._results.send(beat, _nothing)

    def _send(self, opened: _Open, result: ActivityResult) -> None:
        self._results.send(result, partial(self._close, opened))

    def _close(self, opened: _Open) -> None:
        """Its result is in the log, or nobody waits for one."""
        opened.finish()
        if self._open.pop(opened.id, None) is None:
            return
        step = (opened.effect.run_id, opened.effect.row.scheduled.step)
        if self._newest.get(step) is opened:
            del self._newest[step]
        self._done[opened.id] = None
        if len(self._done) > _REMEMBERED:
            del self._done[next(iter(self._done))]

    # What is looked at now and then

    def tell_begun(self) -> None:
        """Owners hear of tasks that are at work for the second time that this is called: they count their time."""
        place, now_ms = self._setting.place, self._setting.clock()
        for opened in self._open.values():
            row = opened.effect.row
            step = row.scheduled.step
            if opened.is_told or not self._runner.is_running(place, opened.effect.run_id, step):
                continue
            if opened.was_seen:
                opened.is_told = True
                beat = Heartbeat(
                    row.workflow_id, opened.effect.run_id, step, row.attempt, None, self._setting.worker, now_ms
                )
                self._results.send(beat, _nothing)
            opened.was_seen = True

    def start_left(self) -> None:
        """The runner has room again for tasks that it has left."""
        for opened in list(self._open.values()):
            self._runner.start(self._setting.place, opened.effect)

    def give_back(self, lost: Finished) -> None:
        """A partition is another worker's: its tasks that have not begun are left to that one."""
        for opened in list(self._only_in(lost)):
            step = opened.effect.row.scheduled.step
            if not self._runner.is_running(self._setting.place, opened.effect.run_id, step):
                self.counts["given back"] += 1
                self._runner.forget(self._setting.place, opened.effect.run_id, step)
                del self._open[opened.id]
                self._newest.pop((opened.effect.run_id, step), None)

    def _only_in(self, lost: Finished) -> Iterator[_Open]:
        for opened in self._open.values():
            if all(finished is lost for finished, _ in opened.read_at):
                yield opened


def _row(task: Task) -> ActivityRow:
    """The attempt as its owner has it, as far as whoever runs it needs to know."""
    scheduled = ActivityScheduled(
        task.step,
        task.activity,
        task.input,
        task.timeout_ms,
        RetryPolicy(non_retryable=task.non_retryable),
        compensates=task.compensates,
        outcome=task.outcome,
        compensates_run=task.compensates_run,
        limits=_limits(task),
    )
    watched = None if task.details is None else Watched(0, details=task.details)
    queued = Queued(task.queued_at)
    return ActivityRow(
        task.workflow_id, scheduled, task.attempt, asked_by=task.asked_by, queued=queued, watched=watched
    )


def _limits(task: Task) -> AttemptLimits | None:
    if not (task.heartbeat_timeout_ms or task.priority or task.fairness_key):
        return None
    return AttemptLimits(
        heartbeat_timeout_ms=task.heartbeat_timeout_ms, priority=task.priority, fairness_key=task.fairness_key
    )


def _nothing() -> None:
    """A heartbeat that is in the log: nobody waits for that."""
