"""Results on their way to their partitions, and the deadlines by which they are due."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable

from sagaline._engine.tables.activities import ActivityRow
from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.lanes import Place
from sagaline._host.activities.outcomes import Outcome, cancelled
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult, Heartbeat

_log = logging.getLogger("sagaline.activities")
Report = Callable[[Place, list[ActivityResult | Heartbeat]], None]


class Reports:
    """What attempts come to. Those that end in one turn of the loop are settled in the next, and reported by place.

    ``settle`` is called for each that has ended, ``settled`` after the last of them; then their results are reported.
    All of it happens in the context in which this was made: that of an attempt is nobody else's.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settle: Callable[[Attempt, Outcome], None],
        settled: Callable[[], None],
        report: Report,
    ) -> None:
        self._loop, self._context = loop, contextvars.copy_context()
        self._settle, self._settled, self._report = settle, settled, report
        self._ended: list[tuple[Attempt, Outcome]] = []
        self._results: dict[Place, list[ActivityResult | Heartbeat]] = {}
        self._scheduled = False

    def ended(self, attempt: Attempt, outcome: Outcome) -> None:
        """The attempt's code has ended."""
        self._ended.append((attempt, outcome))
        if not self._scheduled:
            self._schedule()

    def add(
        self,
        place: Place,
        run_id: str,
        row: ActivityRow,
        outcome: bytes | Failure,
        next_delay_ms: int = -1,
        details: bytes | None = None,
    ) -> None:
        """The outcome of an attempt, to be reported, how long the next is to wait (-1: as the policy says), and what it
        is told."""
        result, failure = (None, outcome) if isinstance(outcome, Failure) else (outcome, None)
        step = row.scheduled.step
        self._results.setdefault(place, []).append(
            ActivityResult(row.workflow_id, run_id, step, row.attempt, result, failure, next_delay_ms, details)
        )
        if not self._scheduled:
            self._schedule()

    def beat(self, place: Place, beat: Heartbeat) -> None:
        """What an attempt says while it runs, to be reported."""
        self._results.setdefault(place, []).append(beat)
        if not self._scheduled:
            self._schedule()

    def drop(self, place: Place) -> None:
        """Nobody hears what is on its way there."""
        self._results.pop(place, None)

    def _schedule(self) -> None:
        if not self._loop.is_closed():
            self._scheduled = True
            self._loop.call_soon(self._turn, context=self._context)

    def _turn(self) -> None:
        ended, self._ended = self._ended, []
        try:
            for attempt, outcome in ended:
                self._settle(attempt, outcome)
            self._settled()
        finally:
            self._scheduled = False
            self._flush()

    def _flush(self) -> None:
        batches, self._results = self._results, {}
        for place, results in batches.items():
            try:
                self._report(place, results)
            except Exception:  # the host's guard has its own; the other places have done nothing
                _log.exception("Results for partition %d of %s", place[1], place[0])


class Deadlines:
    """``on_deadline`` is called when an attempt has run for as long as it may. ``ended`` is told of those whose task
    was cancelled before it had begun.

    Most attempts end within the turn they begin in, or the next: those never get a timer.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_deadline: Callable[[Attempt], None],
        ended: Callable[[Attempt, Outcome], None],
    ) -> None:
        self._loop, self._on_deadline, self._ended = loop, on_deadline, ended
        self._started: list[Attempt] = []
        self._now_s = 0.0

    def start(self, attempt: Attempt) -> None:
        """Its clock starts now: with that of the first attempt of this turn."""
        if not self._started:
            self._now_s = self._loop.time()
            self._loop.call_soon(self._after_this_turn)
        attempt.deadline_s = self._now_s + attempt.row.scheduled.timeout_ms / 1000
        self._started.append(attempt)

    def _after_this_turn(self) -> None:
        """The first steps of these attempts are scheduled: ``_arm`` comes after them."""
        started, self._started = self._started, []
        self._loop.call_soon(self._arm, started)

    def _arm(self, started: list[Attempt]) -> None:
        for attempt in started:
            task = attempt.task
            if task is None:
                continue  # settled, as most are by now
            if task.done():
                if attempt.begun_ms < 0:
                    self._ended(attempt, cancelled("it was cancelled"))
            elif not attempt.reported and attempt.timer is None:
                attempt.timer = self._loop.call_at(attempt.deadline_s, self._on_deadline, attempt)

    def bring_forward(self, attempt: Attempt, seconds: float) -> None:
        """It is due in so many seconds, if not earlier."""
        due_s = self._loop.time() + seconds
        if due_s < attempt.deadline_s:
            attempt.deadline_s = due_s
            if attempt.timer is not None:
                attempt.timer.cancel()
            attempt.timer = self._loop.call_at(due_s, self._on_deadline, attempt)
