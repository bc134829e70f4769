"""Runs whose history goes on in a way that this code does not know: written by newer code, or damaged.

Such a run is held: it is shown as parked with the reason, its records are kept as they are, nothing is decided on it
and none of its steps runs, so that code that knows more can go on where history ends (docs/decisions/0015).
"""

from __future__ import annotations

from sagaline._engine.appliers import APPLIERS
from sagaline._engine.meta import HELD_KEY
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow, RunView
from sagaline._engine.tombstones import make_remnant
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.events import Event
from sagaline._model.failure import BUG, Failure
from sagaline._model.keys import HistoryKey
from sagaline._model.limits import cut
from sagaline._model.records import PARKED, History

HELD = "HistoryNotReadable"


def knows(event: Event) -> bool:
    """Whether this code has an applier for the event in its version."""
    return (type(event), event.version) in APPLIERS


def hold(state: State, run: RunRow, what: str) -> None:
    """From here on the run's history has ``what``. Nothing of that record is applied."""
    state.drop_steps(run)
    message = (
        f"Expected a history that this version can read but that of {run.workflow_id!r} has {what} after event "
        f"{run.next_event_id - 1}. Nothing is decided on the run here: deploy the version that wrote it."
    )
    run.status, run.failure, run.held = PARKED, Failure(HELD, cut(message), BUG, retryable=False), True
    run.more, run.parked_at = False, run.last_at
    state.changes.put(HELD_KEY, b"")
    newest = state.runs.newest(run.workflow_id)
    if newest is None or newest.run_id != run.run_id:
        if newest is not None and not newest.closed and not newest.held:
            make_remnant(state, newest)
        state.runs.begin(run)
    state.runs.put(run)


def hold_unreadable(state: State, key: HistoryKey, value: bytes, cause: str) -> None:
    """A valid record of history whose bytes cannot be read stops its run; all that is known of it is its key."""
    run = state.runs.by_id(key.workflow_id, key.run_id)
    if run is None and key.first_event_id != 1:
        if not state.history.has(key.run_id, key.first_event_id, key.epoch):
            state.remnants.put(key.workflow_id, key.run_id, (state.remnants.left(key.run_id) or 0) + 1)
    else:
        if run is None:
            run = RunRow(key.workflow_id, key.run_id, "", "", "", 0, "", 0, 0, PARKED)
        elif run.closed or key.first_event_id < run.next_event_id:
            return
        if not run.held:
            hold(state, run, f"a record that cannot be read ({cause})")
    state.history.put(key.run_id, key.first_event_id, key.epoch, value)


def can_go_on(state: State) -> bool:
    """Whether this code can read all that held some run: the state is to be built anew, from the log."""
    if state.changes.get(HELD_KEY) is None:
        return False
    return any(run.held and _is_readable(state, run) for _, run in state.runs.all())


def _is_readable(state: State, run: RunView) -> bool:
    for value in state.history.records(run.run_id, run.next_event_id):
        try:
            record = decode(value)
        except UnreadableRecord:
            return False
        if not isinstance(record, History) or not all(map(knows, record.events)):
            return False
    return True
