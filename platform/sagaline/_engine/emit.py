"""Append and apply in one step: no path can emit an event without applying it."""

from __future__ import annotations

from sagaline._engine.appliers import APPLIERS
from sagaline._engine.rows import RunRow
from sagaline._engine.state import State
from sagaline._model.events import Event, RunStarted
from sagaline._model.records import RUNNING

_NEWEST = {event: applier for (event, _), applier in sorted(APPLIERS.items(), key=lambda one: one[0][1])}


class Emitter:
    """One activation of a run: events are applied as they are emitted, and collected for its record."""

    def __init__(self, state: State, run: RunRow, at_ms: int) -> None:
        self._state = state
        self.run = run
        run.last_at = at_ms
        self.first_event_id = run.next_event_id
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Applies an event. Contract: the run is open."""
        assert not self.run.closed, "nothing follows a terminal event"
        _NEWEST[type(event)](self._state, self.run, event)
        self.events.append(event)

    def finish(self, more: bool, value: bytes, released: int) -> None:
        """The record is complete: ``value`` is what stands on the topic."""
        self.run.next_event_id += len(self.events)
        self.run.more = more
        self._state.put_run(self.run)
        self._state.put_history(self.run.run_id, self.first_event_id, value)
        self._state.release(released)


def new_run(workflow_id: str, run_id: str, started: RunStarted, at_ms: int) -> RunRow:
    """The row of a run that begins with ``started``."""
    return RunRow(
        workflow_id=workflow_id,
        run_id=run_id,
        workflow=started.workflow,
        request_id=started.request_id,
        reply_to=started.reply_to,
        reply_partition=started.reply_partition,
        reply_when=started.reply_when,
        started_at=at_ms,
        last_at=at_ms,
        status=RUNNING,
    )
