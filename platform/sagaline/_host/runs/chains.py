"""How a run begins as which another goes on: from the end of that one's history, and with its signals."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from sagaline._engine.beginnings import decoded
from sagaline._engine.state import State
from sagaline._engine.tables.attributes import NONE
from sagaline._engine.tables.runs import RunView
from sagaline._engine.wills import standing_wills
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
    WillsInherited,
)
from sagaline._model.outcomes import OutcomeRequest
from sagaline._payloads import Sealer


def next_events(state: State, run: RunView, sealer: Sealer) -> list[Event]:
    """What an unfinished run begins with, or goes on with, up to a record's size. Raises BlobsUnavailable, NotResident:
    what its code will be given is in memory."""
    if run.redelivers:
        return redelivered(state, run, sealer)
    events = [] if run.next_event_id > 1 else _first_events(state, run)
    sealed = sealed_of(sealer, run.run_id, events)
    waited: list[tuple[str, Event]] = []  # with the run that each was sealed for
    if events and (given := state.attributes.of(run.continued_from)) != NONE:
        waited.append((run.continued_from, AttributesGiven(given.memo, given.search_attributes)))
    total = sum(map(weight, [*events, *(event for _, event in waited)]))
    for number, (run_id, signal) in enumerate(_inherited(state, run)):
        total += weight(signal)
        if (events or waited) and (total > limits.ACTIVATION_BYTES or number >= limits.SIGNALS_AT_ONCE):
            break
        waited.append((run_id, signal))
    for run_id, event in waited:
        sealed += sealed_of(sealer, run_id, [event])
    sealer.require(sealed)
    return [*events, *(sealed_anew(sealer, run_id, run.run_id, event) for run_id, event in waited)]


def _inherited(state: State, run: RunView) -> Iterator[tuple[str, SignalReceived]]:
    """Signals that it is yet to receive, in order, each with the run that it waits for so far."""
    for run_id in run.inherits:
        for _, row in state.signals.of(run_id):
            yield run_id, SignalReceived(row.request_id, row.signal, row.input)


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
        outcomes=None if ended is None else told_so_far(ended),
        wants_ledger=run.wants_ledger,
    )
    first: list[Event] = [started]
    if run.wills:
        first.append(WillsInherited(standing_wills(state, run.run_id)))
    match recorded:
        case [*_, LedgerCarried(steps=steps, ledger=ledger), _]:
            return [*first, LedgerInherited(steps, ledger)]
        case _:
            return first


def told_so_far(run: RunView) -> OutcomeRequest | None:
    """What the outcomes of the run behind are to count, if those of this one are told."""
    tally = run.tally
    if tally is None:
        return None
    return OutcomeRequest(tally.detail, tally.steps, tally.undone, tally.began_at or run.started_at)
