"""How a run begins as which another goes on: from the end of that one's history, and with its signals."""

from __future__ import annotations

from collections import deque

from sagaline._engine.beginnings import decoded
from sagaline._engine.state import State
from sagaline._engine.tables.attributes import NONE
from sagaline._engine.tables.runs import RunView
from sagaline._host.runs.forking import redelivered
from sagaline._host.runs.sealing import sealed_anew, sealed_of
from sagaline._host.runs.weights import weight
from sagaline._model import limits
from sagaline._model.events import (
    AttributesGiven,
    Event,
    LedgerCarried,
    LedgerInherited,
    RunContinued,
    RunStarted,
    SignalReceived,
)
from sagaline._payloads import Sealer


def next_events(state: State, run: RunView, sealer: Sealer) -> list[Event]:
    """What an unfinished run begins with, or goes on with, up to a record's size. Raises BlobsUnavailable, NotResident:
    what its code will be given is in memory."""
    if run.redelivers:
        return redelivered(state, run, sealer)
    events = [] if run.next_event_id > 1 else _first_events(state, run)
    sealed = sealed_of(sealer, run.run_id, events)
    waited: list[AttributesGiven | SignalReceived] = []
    if events and (given := state.attributes.of(run.continued_from)) != NONE:
        waited.append(AttributesGiven(given.memo, given.search_attributes))
    total = sum(map(weight, [*events, *waited]))
    if run.inherits:
        for number, waiting in enumerate(state.signals.of(run.continued_from)):
            row = waiting.row
            signal = SignalReceived(row.request_id, row.signal, row.input)
            total += weight(signal)
            if (events or waited) and (total > limits.ACTIVATION_BYTES or number >= limits.SIGNALS_AT_ONCE):
                break
            waited.append(signal)
    sealer.require([*sealed, *sealed_of(sealer, run.continued_from, waited)])
    return [*events, *(sealed_anew(sealer, run.continued_from, run.run_id, event) for event in waited)]


def _first_events(state: State, run: RunView) -> list[Event]:
    """The payloads are taken as they are: they were sealed for this run."""
    ended = state.run_by_id(run.workflow_id, run.continued_from)
    values = deque([] if ended is None else state.history.records(ended.run_id), maxlen=2)  # they may be cut there
    recorded = [event for record in decoded(values) for event in record.events]
    last = recorded[-1] if recorded else None
    if not isinstance(last, RunContinued):
        raise ValueError(f"Expected the history of run {run.continued_from} to end with RunContinued but it has {last}")
    started = RunStarted(
        run.workflow,
        last.input,
        run.request_id,
        run.reply_to,
        run.reply_partition,
        run.reply_when,
        run.continued_from,
        run.first_run_id,
        run.parent_id,
        run.parent_run_id,
        run.parent_step,
        deadline=run.deadline,
    )
    match recorded:
        case [*_, LedgerCarried(steps=steps, ledger=ledger), _]:
            return [started, LedgerInherited(steps, ledger)]
        case _:
            return [started]
