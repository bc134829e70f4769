"""A child of a run is running, has ended, or was refused; a message to another run has arrived, or was refused."""

from __future__ import annotations

from sagaline._engine.family import REFUSED
from sagaline._engine.processors.decisions import Decision
from sagaline._engine.state import ReadState
from sagaline._model.events import ChildBegan, ChildEnded, Event, MessageSettled
from sagaline._model.records import PARKED, RUNNING, ChildReport


def process(state: ReadState, child: ChildReport, now_ms: int) -> Decision:
    """Empty when it was recorded before, or the run has ended. Reports may come in any order: an end says that the
    child has begun, too."""
    row = state.child(child.run_id, child.step)
    if row is None:
        if state.message(child.run_id, child.step) is None:
            return []
        return [MessageSettled(child.step, child.failure)]
    events: list[Event] = []
    if not row.run_id and child.status != REFUSED:
        events.append(ChildBegan(child.step, child.child_run_id))
    if child.status not in (RUNNING, PARKED):
        left = (child.ledger, child.steps, child.pivot)
        ended = ChildEnded(child.step, child.status, child.result, child.failure, *left)
        events.append(ended)
    return events
