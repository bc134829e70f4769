"""Append and apply in one step: no path can emit an event without applying it."""

from __future__ import annotations

import msgspec

from sagaline._engine.appliers import APPLIERS, NEWEST
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow, RunView
from sagaline._model.events import Event


class RunIsClosed(RuntimeError):
    """Nothing follows a terminal event, and nothing is decided on a run that is held: a bug of the caller's."""


class Emitter:
    """One activation of a run: events are applied as they are emitted, and collected for its record.

    ``run`` is for reading. Its row is written here and by the appliers, nowhere else, and not before an event is.
    """

    def __init__(self, state: State, run: RunView, at_ms: int) -> None:
        self._state, self._row, self._at_ms = state, _row_of(run), at_ms
        self.first_event_id = run.next_event_id
        self.events: list[Event] = []

    @property
    def run(self) -> RunView:
        """The run as its events have left it so far."""
        return self._row

    def emit(self, event: Event) -> None:
        """Applies an event, in its newest version. Raises RunIsClosed."""
        newest = NEWEST[type(event)]
        self.replay(event if event.version == newest else msgspec.structs.replace(event, version=newest))

    def replay(self, event: Event) -> None:
        """Applies an event as it was recorded. Contract: its version is known. Raises RunIsClosed."""
        row = self._row
        if row.closed_at is not None or row.held:
            raise RunIsClosed(f"Expected an open run of {row.workflow_id!r} but it is {row.status}")
        row.last_at = self._at_ms
        APPLIERS[type(event), event.version](self._state, row, event)
        self.events.append(event)

    def finish(self, epoch: int, more: bool, value: bytes, released: int) -> None:
        """The record is complete: ``value`` is what stands on the topic."""
        row, state = self._row, self._state
        row.next_event_id += len(self.events)
        row.more = more
        state.runs.put(row)
        state.history.put(row.run_id, self.first_event_id, epoch, value)
        state.outbox.release(released)


def _row_of(run: RunView) -> RunRow:
    """The row behind the face for reading."""
    if not isinstance(run, RunRow):
        raise TypeError(f"Expected the row of a run but got {type(run).__name__}")
    return run
