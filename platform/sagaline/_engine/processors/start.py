"""A client asks for a run. What follows when its workflow id is known says the request.

The same request again (by its id) is always answered with the run that it began, also when a later run of the id has
begun meanwhile, and with the refusal that it got.

| the newest run of the id | ``id_conflict`` / ``id_reuse`` | decision |
|---|---|---|
| none | | it begins |
| open | ``join`` | joined when workflow and input are the same, else ``IdInUse`` |
| open | ``use_existing`` | joined |
| open | ``fail`` | ``IdInUse`` |
| open | ``terminate_existing`` | replaced; with ``id_reuse`` ``reject``: ``IdInUse`` |
| closed | ``join`` | joined when workflow and input are the same, else ``IdUsed`` |
| closed | ``allow`` | it begins |
| closed | ``if_failed`` | it begins, unless the run completed: then as ``join`` |
| closed | ``reject`` | ``IdUsed`` |

With an update that a run of the id has accepted, from whichever request, nothing begins or ends: that run is joined.
A child whose parent has ended meanwhile does not begin when it was to be stopped before it was there: the refusal of
that is on record, and nobody would stop it any more.

``terminate_existing`` takes two records, see :class:`~sagaline._engine.processors.decisions.Replaced`. After a crash
between them the newest run is the one that this request has replaced, and the new one begins, whatever ``id_reuse``
says.
"""

from __future__ import annotations

from sagaline._engine.processors.decisions import Joined, Rejected, Replaced, StartDecision, rejected
from sagaline._engine.state import ReadState
from sagaline._engine.tables.messages import update_message
from sagaline._engine.tables.runs import RunView
from sagaline._model.events import RunReplaced, RunStarted
from sagaline._model.ids import child_close_id, run_id_of
from sagaline._model.records import COMPLETED, StartRun


def process(state: ReadState, request: StartRun, now_ms: int) -> StartDecision:
    """Begins a run, joins one, replaces one or rejects the request."""
    own = state.run_by_id(request.workflow_id, run_id_of(request))
    if own is not None:
        return Joined(own.workflow_id, own.run_id)
    newest = state.run(request.workflow_id)
    if newest is not None and newest.request_id == request.request_id:  # its first run has been retired meanwhile
        return Joined(newest.workflow_id, newest.run_id)
    if request.update:
        receiver = state.receiver(request.workflow_id, update_message(request.update_id))
        if receiver is not None:
            return Joined(request.workflow_id, receiver)
    refusal = state.refusal(request.request_id)
    if refusal is not None:
        return Rejected(request.request_id, request.workflow_id, refusal.failure, refusal.run_id)
    if request.parent_run_id and state.refusal(child_close_id(request.request_id)) is not None:
        message = (
            f"Expected {request.parent_id!r} to wait for its child {request.workflow_id!r} but it has ended, and its "
            f"request to stop the child was here first."
        )
        return rejected(request.request_id, request.workflow_id, "ParentEnded", message)
    if newest is None:
        return [started_by(request, now_ms)]
    return _while_closed(request, newest, now_ms) if newest.closed else _while_open(request, newest, now_ms)


def _while_open(request: StartRun, run: RunView, now_ms: int) -> StartDecision:
    if request.id_conflict == "use_existing":
        return Joined(run.workflow_id, run.run_id)
    if request.id_conflict == "terminate_existing" and request.id_reuse != "reject" and not run.held:
        return Replaced(RunReplaced(request.request_id, run_id_of(request)), started_by(request, now_ms))
    in_use = _conflict("IdInUse", request, run, "that has not ended")
    return in_use if request.id_conflict != "join" else _joined(request, run, in_use)


def _while_closed(request: StartRun, run: RunView, now_ms: int) -> StartDecision:
    if run.ended_by == request.request_id:
        return [started_by(request, now_ms)]
    if request.id_reuse == "allow" or (request.id_reuse == "if_failed" and run.status != COMPLETED):
        return [started_by(request, now_ms)]
    used = _conflict("IdUsed", request, run, f"that has ended ({run.status})")
    return used if request.id_reuse == "reject" else _joined(request, run, used)


def _joined(request: StartRun, run: RunView, otherwise: Rejected) -> StartDecision:
    """The run answers the request when it is what the request asks for."""
    return Joined(run.workflow_id, run.run_id, otherwise.failure) if run.workflow == request.workflow else otherwise


def _conflict(name: str, request: StartRun, run: RunView, state: str) -> Rejected:
    what = "with another input" if run.workflow == request.workflow else f"of workflow {run.workflow!r}"
    if request.id_conflict == "fail" or request.id_reuse == "reject":
        what = f"of workflow {run.workflow!r}"
    message = (
        f"Expected workflow id {request.workflow_id!r} to be free for a run of {request.workflow!r} but it has a run "
        f"{what} {state}: {run.run_id}."
    )
    return rejected(request.request_id, request.workflow_id, name, message)


def started_by(request: StartRun, now_ms: int) -> RunStarted:
    """The first event of the run that a request asks for. With an update, that is what answers the request."""
    return RunStarted(
        request.workflow,
        request.input,
        request.request_id,
        "" if request.update else request.reply_to,
        request.reply_partition,
        request.reply_when,
        parent_id=request.parent_id,
        parent_run_id=request.parent_run_id,
        parent_step=request.parent_step,
        delay_ms=request.delay_ms,
        deadline=now_ms + request.delay_ms + request.run_timeout_ms if request.run_timeout_ms else 0,
        wants_ledger=request.wants_ledger,
    )
