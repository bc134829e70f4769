"""Results on their way to their partitions, and the deadlines by which they are due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sagaline._engine.tables.activities import ActivityRow
from sagaline._host.activities.attempts import Attempt, Place
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult

_log = logging.getLogger("sagaline.activities")
Report = Callable[[Place, list[ActivityResult]], None]


class Reports:
    """What ends in one turn of the loop is reported at once, by place."""

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Report) -> None:
        self._loop, self._report = loop, report
        self._results: dict[Place, list[ActivityResult]] = {}

    def add(self, place: Place, run_id: str, row: ActivityRow, outcome: bytes | Failure) -> None:
        """The outcome of an attempt."""
        if not self._results:
            self._loop.call_soon(self._flush)
        result, failure = (None, outcome) if isinstance(outcome, Failure) else (outcome, None)
        self._results.setdefault(place, []).append(
            ActivityResult(row.workflow_id, run_id, row.scheduled.step, row.attempt, result, failure)
        )

    def drop(self, place: Place) -> None:
        """Nobody hears what is on its way there."""
        self._results.pop(place, None)

    def _flush(self) -> None:
        batches, self._results = self._results, {}
        for place, results in batches.items():
            try:
                self._report(place, results)
            except Exception:  # the host's guard has its own; the other places have done nothing
                _log.exception("Results for partition %d of %s", place[1], place[0])


class Deadlines:
    """``on_deadline`` is called when an attempt has run for as long as it may.

    Most attempts end within the turn they begin in, or the next: those never get a timer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_deadline: Callable[[Attempt], None]) -> None:
        self._loop, self._on_deadline = loop, on_deadline
        self._begun: list[Attempt] = []

    def begin(self, attempt: Attempt) -> None:
        """Its clock starts now."""
        attempt.deadline_s = self._loop.time() + attempt.row.scheduled.timeout_ms / 1000
        if not self._begun:
            self._loop.call_soon(self._loop.call_soon, self._arm)  # after this turn's attempts have run
        self._begun.append(attempt)

    def _arm(self) -> None:
        begun, self._begun = self._begun, []
        for attempt in begun:
            if not attempt.reported and attempt.timer is None and attempt.task is not None and not attempt.task.done():
                attempt.timer = self._loop.call_at(attempt.deadline_s, self._on_deadline, attempt)

    def bring_forward(self, attempt: Attempt, seconds: float) -> None:
        """It is due in so many seconds, if not earlier."""
        due_s = self._loop.time() + seconds
        if due_s < attempt.deadline_s:
            attempt.deadline_s = due_s
            if attempt.timer is not None:
                attempt.timer.cancel()
            attempt.timer = self._loop.call_at(due_s, self._on_deadline, attempt)
