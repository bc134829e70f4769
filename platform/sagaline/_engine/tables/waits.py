"""Timers that a run's code waits for, by run and step."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.changes import Changes
from sagaline._engine.tables.runs import RunRow, RunView
from sagaline._engine.tables.timers import SetTimer, Timers

PREFIX = b"w/"
DEADLINE = 0
"""The step of the timer that is no timer of the code's: the run's deadline."""


def wait_key(run_id: str, step: int) -> bytes:
    """Key of a timer the code waits for; its value is the due time."""
    return b"w/%b/%08x" % (run_id.encode(), step)


class Waits:
    """A wait has a row here and one in the index of due times."""

    def __init__(self, changes: Changes, timers: Timers) -> None:
        self._changes, self._timers = changes, timers

    def due_at(self, run_id: str, step: int) -> int | None:
        """Due time of a timer that has not fired, in milliseconds since 1970."""
        data = self._changes.get(wait_key(run_id, step))
        return None if data is None else int(data, 16)

    def of(self, run: RunView) -> Iterator[SetTimer]:
        """The timers that a run waits for, by step."""
        for key, data in self._changes.scan(b"w/%b/" % run.run_id.encode()):
            yield SetTimer(int(data, 16), run.workflow_id, run.run_id, int(key[-8:], 16))

    def put(self, run: RunRow, step: int, due_at: int) -> None:
        """A timer runs."""
        run.open_steps += 1
        self._changes.put(wait_key(run.run_id, step), b"%x" % due_at)
        self._timers.put(due_at, run.workflow_id, run.run_id, step)
        self._changes.call_for(SetTimer(due_at, run.workflow_id, run.run_id, step))

    def drop(self, run: RunRow, step: int) -> None:
        """A timer has fired or was cancelled."""
        due_at = self.due_at(run.run_id, step)
        if due_at is None:
            return
        run.open_steps -= 1
        self._changes.put(wait_key(run.run_id, step), None)
        self._timers.drop(due_at, run.run_id, step)

    def drop_all(self, run: RunRow) -> None:
        """The run waits for nothing any more. Its count of open steps is the caller's."""
        for timer in self.of(run):
            self._changes.put(wait_key(run.run_id, timer.step), None)
            self._timers.drop(timer.due_at, run.run_id, timer.step)
