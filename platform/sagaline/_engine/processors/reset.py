"""A person has a run begin again from an earlier event of a run's history.

The same request again has the same answer: the run that it has begun, or its refusal. An open run of the id ends with
it; one that is neither the run that is meant nor in a chain with it is refused. What a legal event is says
``beginnings.points``: the end of an activation, while the run is neither parked nor paused.
"""

from __future__ import annotations

from sagaline._engine import beginnings
from sagaline._engine.beginnings import Reading, TooLong
from sagaline._engine.chains import first_of
from sagaline._engine.processors.decisions import Forked, Joined, Rejected, ResetDecision, rejected
from sagaline._engine.state import ReadState
from sagaline._engine.tables.runs import RunView
from sagaline._model.events import ChildRequested, Fork, RunReset
from sagaline._model.ids import run_id_of
from sagaline._model.limits import REDELIVERED, RESET_BYTES, RESET_EVENTS, RESETS
from sagaline._model.records import ResetRun

_Refusal = tuple[str, str] | None
"""Type and message."""


def process(state: ReadState, request: ResetRun, now_ms: int) -> ResetDecision:
    """Begins a run, answers with the one that it has begun, or rejects the request."""
    own = state.run_by_id(request.workflow_id, run_id_of(request))
    if own is not None:
        return Joined(own.workflow_id, own.run_id)
    refusal = state.refusal(request.request_id)
    if refusal is not None:
        return Rejected(request.request_id, request.workflow_id, refusal.failure)
    newest = state.run(request.workflow_id)
    base = state.run_by_id(request.workflow_id, request.run_id) if request.run_id else newest
    if newest is None or base is None:
        which = f"a run {request.run_id}" if request.run_id else "a run"
        message = f"Expected {which} of workflow id {request.workflow_id!r} but there is none."
        return rejected(request.request_id, request.workflow_id, "WorkflowNotFound", message)
    reading = Reading(state)
    try:
        refused = _why_not_now(base, newest) or _why_not_there(reading, base, request)
        again = [] if refused else beginnings.later(reading, base, request.event_id, request.drop_signals)
    except TooLong:
        refused, again = _too_long(base), []
    refused = refused or _too_many(base, request, len(again))
    if refused is not None:
        return rejected(request.request_id, request.workflow_id, *refused)
    fork = _fork(base, newest, request, max(now_ms, newest.last_at) + 1, len(again))
    if newest.closed:
        return Forked(fork, None)
    steps = beginnings.steps_until(reading.of(base.run_id), request.event_id) if newest.run_id == base.run_id else {}
    return Forked(fork, RunReset(run_id_of(request), max(steps, default=0), fork))


def _fork(base: RunView, newest: RunView, request: ResetRun, at: int, delivered: int) -> Fork:
    """Of a run that is a fork itself, what it has copied is still that of the others."""
    before = () if base.fork is None else zip(base.fork.runs, base.fork.event_ids, strict=True)
    copied = [(run_id, min(end, request.event_id)) for run_id, end in before]
    runs, event_ids = zip(*copied, (base.run_id, request.event_id), strict=True)
    why, ended = (request.request_id, request.reason, request.by), "" if newest.closed else newest.run_id
    return Fork(runs, event_ids, at, *why, request.drop_signals, delivered, ended)


def _why_not_now(base: RunView, newest: RunView) -> _Refusal:
    """Why no event of the run will do."""
    workflow_id = base.workflow_id
    for run in (base, newest):
        if run.held:
            why = run.failure.message if run.failure else run.status
            return "RunHeld", f"Expected a run of workflow id {workflow_id!r} but it is held: {why}"
    if base.undo is not None:
        return "BeingUndone", (
            f"Expected a run whose code goes on from an event but run {base.run_id} of workflow id {workflow_id!r} "
            f"{'undoes another' if base.undo.run_id else 'was undone'}. Start another run."
        )
    if not newest.closed and newest.run_id != base.run_id and first_of(newest) != first_of(base):
        return "IdInUse", (
            f"Expected run {base.run_id} of workflow id {workflow_id!r} to be the newest but run {newest.run_id}, "
            f"which does not go on from it, is open. End that one first, or reset it."
        )
    if base.fork is not None and len(base.fork.runs) >= RESETS:
        return "TooManyResets", (
            f"Expected at most {RESETS} resets one after the other but run {base.run_id} has so many behind it. Reset "
            f"an earlier run, which `sagaline show` names."
        )
    return None


def _why_not_there(reading: Reading, base: RunView, request: ResetRun) -> _Refusal:
    """Why this event will not do. Raises TooLong."""
    records, event_id = reading.of(base.run_id), request.event_id
    legal = list(beginnings.points(records))
    if event_id not in legal:
        return "NoSuchPoint", (
            f"Expected the last event of an activation of run {base.run_id}, while it is neither parked nor paused, "
            f"but event {event_id} is none. {nearest(legal, event_id)}"
        )
    undone = beginnings.undone_since(reading, base, event_id)
    if undone is not None:
        what = f"step {undone.step}, which event {undone.asked_at} asked for," if undone.asked_at else "an earlier run"
        before = [point for point in legal if point < undone.asked_at]
        there = f"Reset it to event {before[-1]} or before." if before else "Start another run."
        return "StepsUndone", (
            f"Expected steps that stand but {what} was undone since, by {undone.activity} (event {undone.by_event}): "
            f"the new run would take its effect for granted. {there}"
        )
    left = beginnings.left_open(records, event_id) if base.closed else None
    if left is not None:
        asked_at, asked = left
        what = f"child {asked.child_id!r}" if isinstance(asked, ChildRequested) else f"a message to {asked.target_id!r}"
        return "StepsLeft", (
            f"Expected steps of which run {base.run_id} has heard but {what} (step {asked.step}) was open when the run "
            f"ended: what becomes of it would never be heard of. Reset it to before event {asked_at}, which asked for "
            f"it. {nearest([point for point in legal if point < asked_at], asked_at)}"
        )
    return None


def _too_long(base: RunView) -> tuple[str, str]:
    return "TooLong", (
        f"Expected at most {RESET_EVENTS:,} events, of {RESET_BYTES:,} bytes, in the history of run {base.run_id} and "
        f"of the runs that go on from it but there are more. Reset a later run of its chain, or start another run."
    )


def _too_many(base: RunView, request: ResetRun, count: int) -> _Refusal:
    if count <= REDELIVERED:
        return None
    return "TooManyLater", (
        f"Expected at most {REDELIVERED:,} signals and outcomes of children since event {request.event_id} of run "
        f"{base.run_id}, which come again, but there are {count:,}. Reset it to a later event, or drop the signals."
    )


def nearest(legal: list[int], event_id: int) -> str:
    """Which events will do, for the reader of a refusal: the nearest before and behind."""
    before = [point for point in legal if point < event_id][-1:]
    behind = [point for point in legal if point > event_id][:1]
    if not before and not behind:
        return "There is no such event in its history: start another run."
    listed = " and ".join(str(point) for point in before + behind)
    return f"The nearest {'is' if len(before + behind) == 1 else 'are'} {listed}; `sagaline history` marks all of them."
