"""An attempt of an activity is alive, and has come so far."""

from __future__ import annotations

import msgspec

from sagaline._engine.state import State
from sagaline._engine.tables.activities import Watched
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.task_queues import LATE_MS
from sagaline._model.events import HeartbeatRecorded


def apply(state: State, run: RunRow, event: HeartbeatRecorded) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = state.activities.get(run.run_id, event.step)
    if row is None or row.attempt != event.attempt:
        return
    known = row.watched or Watched(0)
    watched = Watched(
        known.scheduled_at,
        run.last_at,
        known.details if event.details is None else event.details,
        event.awaited_until or known.awaited_until,
    )
    queued = row.queued
    if queued is not None and not queued.started_at:
        due_at = queued.due_at or run.last_at + row.scheduled.timeout_ms + LATE_MS
        queued = msgspec.structs.replace(queued, started_at=run.last_at, worker=event.worker, due_at=due_at)
    state.activities.change(run, row, msgspec.structs.replace(row, watched=watched, queued=queued))
