"""How a run that a reset has begun gets its history: a copy of another's, with its payloads sealed for this one."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sagaline._engine.beginnings import Later, Reading, decoded, later
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.runs.sealing import open_events, sealed_anew, sealed_of
from sagaline._host.runs.weights import weight
from sagaline._model import limits
from sagaline._model.events import COMMANDS, Event, Fork, RunStarted
from sagaline._model.failure import Failure
from sagaline._model.records import History
from sagaline._payloads import Sealer
from sagaline._runtime.bugs import WorkflowBug

_AGAIN_BYTES = limits.ACTIVATION_BYTES - 50_000  # beside the first of what the code asks for then


def why_not_copied(state: State, workflow_id: str, fork: Fork, sealer: Sealer) -> Failure | None:
    """The reason why a run's history cannot be copied, or None: a payload that cannot be sealed anew, or more to
    receive again than one record holds."""
    try:
        for record in () if sealer.has_blobs else _copied_from(state, fork):  # blobs are fetched as they are copied
            open_events(sealer, record.run_id, record.events)
    except WorkflowBug as bug:
        return bug.failure
    base = state.run_by_id(workflow_id, fork.run_id)
    again = [] if base is None or not fork.delivered else _later(state, base, fork)
    if (size := sum(weight(later.event) for later in again)) > _AGAIN_BYTES:
        message = (
            f"Expected signals and outcomes of children of at most {_AGAIN_BYTES:,} bytes since event {fork.event_id} "
            f"of run {fork.run_id}, which come again, but they have {size:,}. Reset it to a later event, or drop the "
            f"signals."
        )
        return Failure("TooManyLater", message, retryable=False)
    return None


def copies(state: State, run: RunView, sealer: Sealer) -> Iterator[History]:
    """The records that a fork still lacks of what it copies, without an owner's marks. Raises NotResident."""
    fork, base = _base(state, run)
    for record in _copied_from(state, fork):
        number = record.first_event_id
        if number + len(record.events) <= run.next_event_id:
            continue
        sealer.require(sealed_of(sealer, record.run_id, record.events))
        for events, more in _parts(record, run, base, sealer):
            if number >= run.next_event_id:
                more = record.more or more
                yield msgspec.structs.replace(
                    record, run_id=run.run_id, first_event_id=number, events=tuple(events), more=more
                )
            number += len(events)


def _copied_from(state: State, fork: Fork) -> Iterator[History]:
    """Read at once: the rows change while they are copied."""
    for record in decoded(list(state.records(fork.run_id))):
        if record.first_event_id > fork.event_id:
            return
        yield record


def _parts(record: History, run: RunView, base: RunView, sealer: Sealer) -> Iterator[tuple[list[Event], bool]]:
    """The events of a record, which may need two by now: sealed payloads may have other sizes. True: more follow."""
    events: list[Event] = []
    total = 0
    for event in record.events:
        if isinstance(event, RunStarted):
            event = _first_event(event, run, base)
        event = sealed_anew(sealer, record.run_id, run.run_id, event)
        grown = weight(event)
        if events and total + grown > limits.ACTIVATION_BYTES and type(event) in COMMANDS:
            yield events, True
            events, total = [], 0
        events.append(event)
        total += grown
    yield events, False


def _first_event(started: RunStarted, run: RunView, base: RunView) -> RunStarted:
    """Its deadline is as far away as it was for the other run when that began."""
    fork = run.fork
    at = 0 if fork is None else fork.at
    return msgspec.structs.replace(
        started,
        reply_to=run.reply_to,
        reply_partition=run.reply_partition,
        first_run_id=run.first_run_id,
        deadline=at + started.deadline - base.started_at if started.deadline else 0,
        fork=fork,
    )


def redelivered(state: State, run: RunView, sealer: Sealer) -> list[Event]:
    """What a fork receives again of the events that the other run had later, all at once: it may end with that. Raises
    NotResident."""
    fork, base = _base(state, run)
    listed = _later(state, base, fork, run.run_id)
    sealer.require([sealed for run_id, event in listed for sealed in sealed_of(sealer, run_id, [event])])
    return [sealed_anew(sealer, run_id, run.run_id, event) for run_id, event in listed]


def _later(state: State, base: RunView, fork: Fork, fork_id: str = "") -> list[Later]:
    return later(Reading(state), base, fork.event_id, fork.drop_signals, fork_id)


def _base(state: State, run: RunView) -> tuple[Fork, RunView]:
    """What a run is a fork of: it stays until the fork has all that it takes over."""
    base = None if run.fork is None else state.run_by_id(run.workflow_id, run.fork.run_id)
    if run.fork is None or base is None:
        raise ValueError(f"Expected the run that {run.run_id} is a fork of but it is not there")
    return run.fork, base
