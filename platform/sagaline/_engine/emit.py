"""Append and apply in one step: no path can emit an event without applying it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sagaline._engine.appliers import APPLIERS, NEWEST
from sagaline._engine.beginning_rows import forked, successor
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow, RunView
from sagaline._model.events import Event, RunReset


class RunIsClosed(RuntimeError):
    """Nothing follows a terminal event, and nothing is decided on a run that is held: a bug of the caller's."""


class Emitter:
    """One activation of a run: events are applied as they are emitted, and collected for its record.

    ``run`` is the run as its events have left it so far, for reading. Its row is written here and by the appliers,
    nowhere else, and not before an event is.
    """

    __slots__ = ("_at_ms", "_row", "_state", "events", "first_event_id", "run")

    def __init__(self, state: State, run: RunView, at_ms: int) -> None:
        if not isinstance(run, RunRow):
            raise TypeError(f"Expected the row of a run but got {type(run).__name__}")
        self._state, self._row, self._at_ms = state, run, at_ms
        self.run: RunView = run
        self.first_event_id = run.next_event_id
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Applies an event, in its newest version. Raises RunIsClosed."""
        version, applier = NEWEST[type(event)]
        if event.version != version:
            event = msgspec.structs.replace(event, version=version)
        row = self._row
        if row.closed_at is not None or row.held:
            raise _is_closed(row)
        if row.last_at != self._at_ms:  # a store into a struct is slow
            row.last_at = self._at_ms
        applier(self._state, row, event)
        self.events.append(event)

    def replay(self, recorded: Sequence[Event]) -> Event | None:
        """Applies a record's events as they were recorded; or none of them, and returns the first whose version this
        code does not know. Raises RunIsClosed."""
        appliers = [APPLIERS.get((type(event), event.version)) for event in recorded]
        if None in appliers:
            return recorded[appliers.index(None)]
        row, state = self._row, self._state
        for applier, event in zip(appliers, recorded, strict=True):
            if applier is not None:
                if row.closed_at is not None or row.held:
                    raise _is_closed(row)
                if row.last_at != self._at_ms:
                    row.last_at = self._at_ms
                applier(state, row, event)
        self.events += recorded
        return None

    def finish(self, epoch: int, more: bool, value: bytes, released: int) -> None:
        """The record is complete: ``value`` is what stands on the topic."""
        row, state = self._row, self._state
        row.next_event_id += len(self.events)
        row.more = more
        state.runs.put(row)
        if row.continued_to:
            end = self.events[-1]
            behind = forked(row, end.run_id, end.fork, goes_on=True) if isinstance(end, RunReset) else successor(row)
            row.inherits, row.wills = (), 0  # it receives nothing more, and is not the last
            state.runs.begin(behind)
        state.history.put(row.run_id, self.first_event_id, epoch, value)
        if released > state.outbox.released:
            state.outbox.release(released)


def _is_closed(run: RunRow) -> RunIsClosed:
    return RunIsClosed(f"Expected an open run of {run.workflow_id!r} but it is {run.status}")
