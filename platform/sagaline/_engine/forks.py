"""Runs that a reset begins: their first events are a copy of those of another run, up to the end of an activation.

A copy is no event that happens: nothing of it counts before all of it is on record. Then the run is as the other one
was at that event, in one step, and what it waits for begins (docs/decisions/0047).
"""

from __future__ import annotations

from sagaline._engine import task_queues
from sagaline._engine.beginnings import decoded
from sagaline._engine.emit import Emitter
from sagaline._engine.held import hold
from sagaline._engine.state import State
from sagaline._engine.tables.activities import StartActivity
from sagaline._engine.tables.runs import RunRow
from sagaline._model.forks import Fork
from sagaline._model.records import History


def take_copy(state: State, run: RunRow, fork: Fork, record: History, value: bytes) -> None:
    """A record of a fork's copied events. Contract: it follows; ``run`` copies."""
    is_first = run.next_event_id == 1
    state.history.put(run.run_id, record.first_event_id, record.epoch, value)
    run.next_event_id += len(record.events)
    if is_first:
        state.runs.begin(run)
        state.forked.put(run, fork)
    if not run.copies:
        _take_effect(state, run, fork)
    state.runs.put(run)
    state.outbox.release(record.released)


def _take_effect(state: State, run: RunRow, fork: Fork) -> None:
    """All of the copy is there: the run is as the other was, and waits for what that waited for."""
    for record in list(decoded(state.history.records(run.run_id))):
        run.next_event_id = record.first_event_id  # what is asked for is that of the run in which it happened
        unknown = Emitter(state, run, record.at).replay(record.events)
        if unknown is not None:
            hold(state, run, f"{type(unknown).__name__} in version {unknown.version}")
            break
    run.next_event_id = fork.event_id + 1
    state.forget_effects()
    run.last_at, run.redelivers = max(run.last_at, fork.at), fork.delivered
    for step in () if run.held else list(state.open_steps(run)):
        if isinstance(step, StartActivity) and step.row.scheduled.queue:
            task_queues.copied(state, run, step.row)
        else:
            state.changes.call_for(step)
