"""A person has undone what the steps of a run have done: of one that has ended, or in place of the code of an open one.

The same run is undone once, whoever asks how often: asked again, the answer is the run that undoes it. One that was
terminated before it had undone all is undone in its turn, which finishes that.
"""

from __future__ import annotations

from sagaline._engine.beginnings import Reading, TooLong, decoded, undone_in
from sagaline._engine.chains import last_of_chain
from sagaline._engine.ledger import ledger_of
from sagaline._engine.ledger_entries import OPEN, ChildEntry, Entry
from sagaline._engine.processors.decisions import Joined, Rejected, UndoDecision, Undone, rejected
from sagaline._engine.state import ReadState
from sagaline._engine.tables.runs import RunView
from sagaline._engine.undoing import armed, inherited_left, pivot_of, steps_of
from sagaline._model.events import UndoRequested
from sagaline._model.ids import undo_run_of
from sagaline._model.limits import CARRIED_STEPS, RESET_BYTES, RESET_EVENTS
from sagaline._model.records import COMPENSATED, UndoRun


def process(state: ReadState, request: UndoRun, now_ms: int) -> UndoDecision:
    """The event for an open run; what the run that undoes a closed one begins with; or that is there already."""
    refusal = state.refusal(request.request_id)
    if refusal is not None:
        return Rejected(request.request_id, request.workflow_id, refusal.failure)
    run = last_of_chain(state, request.workflow_id, request.run_id)
    if run is None:
        which = f"a run {request.run_id}" if request.run_id else "a run"
        text = f"Expected {which} of workflow id {request.workflow_id!r} but there is none: it may have been retired."
        return _no(request, "WorkflowNotFound", text)
    base = _last_that_undoes(state, run)
    if base.undo is not None and (not base.closed or base.status == COMPENSATED):
        if run is base and base.undo.run_id and base.undo.request_id != request.request_id:
            text = f"Expected a run to undo but run {base.run_id} undoes run {base.undo.run_id}: start another run."
            return _no(request, "UndoOfUndo", text)
        return Joined(base.workflow_id, base.run_id)
    if base.held:
        why = base.failure.message if base.failure else base.status
        return _no(request, "RunHeld", f"Expected a run of workflow id {base.workflow_id!r} but it is held: {why}")
    return _closed(state, request, base) if base.closed else _open(state, request, base)


def _last_that_undoes(state: ReadState, run: RunView) -> RunView:
    while (behind := state.run_by_id(run.workflow_id, undo_run_of(run.run_id))) is not None:
        run = behind
    return run


def _open(state: ReadState, request: UndoRun, run: RunView) -> UndoDecision:
    if not request.terminates:
        return _no(
            request,
            "RunOpen",
            f"Expected a run of workflow id {run.workflow_id!r} that has ended but it is {run.standing}. Cancel it: a "
            f"saga rolls back. Or terminate it with undo, without its code (`sagaline terminate ID --undo`).",
        )
    if pivot := pivot_of(ledger_of(decoded(state.records(run.run_id)))):
        return _crossed(request, run, pivot)
    return [UndoRequested(request.request_id, request.reason, request.by)]


def _closed(state: ReadState, request: UndoRun, run: RunView) -> UndoDecision:
    newest = state.run(run.workflow_id) or run
    if request.terminates:
        text = f"Expected an open run of workflow id {run.workflow_id!r} but it is {run.status}: undo it."
        return _no(request, "RunEnded", text)
    if not newest.closed:
        return _no(
            request,
            "IdInUse",
            f"Expected no open run of workflow id {run.workflow_id!r} but run {newest.run_id} is, and the run that "
            f"undoes {run.run_id} has the same id. End that one first.",
        )
    reading = Reading(state)
    try:
        ledger = ledger_of(reading.of(run.run_id))
        elsewhere = frozenset(undone_in(reading, reading.branches(run).values()))
    except TooLong:
        return _no(
            request,
            "TooLong",
            f"Expected at most {RESET_EVENTS:,} events, of {RESET_BYTES:,} bytes, in the history of run {run.run_id} "
            f"but there are more: what it has done is in `sagaline saga ledger`.",
        )
    if pivot := pivot_of(ledger):
        return _crossed(request, run, pivot)
    left = [one for one in armed(ledger) if isinstance(one, ChildEntry) or (one.of_run, one.number) not in elsewhere]
    if (count := sum(map(steps_of, left)) + inherited_left(ledger)) > CARRIED_STEPS:
        text = f"Expected at most {CARRIED_STEPS:,} steps to undo but run {run.run_id} has left {count:,}."
        return _no(request, "TooManySteps", text)
    if not count:
        return _no(
            request,
            "NothingToUndo",
            f"Expected steps of run {run.run_id} of workflow id {run.workflow_id!r} that a saga would undo but there "
            f"are none (it is {run.status}).",
        )
    begins_at = max((_over_at(run, one) for one in left if isinstance(one, Entry) and one.outcome == OPEN), default=0)
    kept_until = (run.closed_at or 0) + run.kept_ms + 1
    requested = UndoRequested(request.request_id, request.reason, request.by, run.run_id, begins_at, kept_until)
    return Undone(run.run_id, requested, ledger, elsewhere)


def _over_at(run: RunView, entry: Entry) -> int:
    """When an attempt that ran as the run ended is over at the latest: it must not come behind what undoes it."""
    return (run.closed_at or 0) + entry.scheduled.timeout_ms


def _crossed(request: UndoRun, run: RunView, pivot: str) -> Rejected:
    text = (
        f"Expected a run of workflow id {run.workflow_id!r} that can be undone but its pivot {pivot} is done, or may "
        f"be: nothing behind that rolls back."
    )
    return _no(request, "PivotCrossed", text)


def _no(request: UndoRun, name: str, message: str) -> Rejected:
    return rejected(request.request_id, request.workflow_id, name, message)
