"""An activity is to be attempted."""

from __future__ import annotations

import msgspec

from sagaline._engine import task_queues
from sagaline._engine.outcomes import count_step
from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow, Queued, Watched
from sagaline._engine.tables.runs import RunRow
from sagaline._model.events import ActivityScheduled


def apply(state: State, run: RunRow, event: ActivityScheduled) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    row = ActivityRow(run.workflow_id, event)
    if run.fork is not None:
        row = ActivityRow(run.workflow_id, event, asked_by=run.stands_for)
    if event.limits is not None and event.is_timed:
        row = msgspec.structs.replace(row, watched=Watched(run.last_at))
    if event.queue:
        row = msgspec.structs.replace(row, queued=Queued(run.last_at))
        task_queues.send(state, run, row)
    state.activities.put(run, row)
    if (tally := run.tally) is not None:
        count_step(run, tally, event)
