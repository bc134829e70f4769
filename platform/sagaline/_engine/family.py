"""What runs and the runs that they start tell each other. It leaves through the outbox, so it is never lost; whoever
receives it recognises a repeat: a request by its id, a report by the state of the step that it is for."""

from __future__ import annotations

import msgspec

from sagaline._engine import task_queues
from sagaline._engine.state import State
from sagaline._engine.tables.children import ChildRow, OpenChild
from sagaline._engine.tables.outbox import BY_KEY, OutboxRow
from sagaline._engine.tables.runs import RunRow, RunView
from sagaline._model.children import ChildBegan, ChildEnded, ChildRequested
from sagaline._model.codec import decode, encode
from sagaline._model.events import CancelRequested, MessageRequested, SignalReceived
from sagaline._model.ids import child_close_id, child_request_id, child_run_id, message_request_id
from sagaline._model.records import (
    CONTINUED,
    CancelRun,
    ChildReport,
    Command,
    History,
    Refusal,
    SignalRun,
    StartRun,
    TerminateRun,
)

REFUSED, RECEIVED = "refused", "received"
TERMINATE, REQUEST_CANCEL, ABANDON = "terminate", "request_cancel", "abandon"
_COMMANDS, _RESULTS = "commands", "results"


def start_child(state: State, run: RunView, event: ChildRequested) -> None:
    """Asks for the child."""
    request = StartRun(
        child_request_id(run.run_id, event.step),
        event.child_id,
        event.workflow,
        event.input,
        id_conflict="fail",
        id_reuse=event.id_reuse,
        parent_id=run.workflow_id,
        parent_run_id=run.run_id,
        parent_step=event.step,
        memo=event.memo,
        search_attributes=event.search_attributes,
        wants_ledger=event.wants_ledger,
    )
    _send(state, event.child_id, request)


def is_settled(state: State, row: OutboxRow) -> bool:
    """Whether a message need not be sent again: it is known to have arrived; or it asks for a child that is on record
    as begun or ended, or that would be stopped at once, for its parent has ended. A request that is sent for as long as
    nobody can record that it has left would outlive the child, and begin it a second time."""
    if row.topic != _COMMANDS:
        return task_queues.is_settled(state, row)
    request = decode(row.value)
    if isinstance(request, SignalRun | CancelRun) and request.sender_run_id:
        return _has_arrived(state, request)
    if not isinstance(request, StartRun) or not request.parent_run_id:
        return False
    child = state.child(request.parent_run_id, request.parent_step)
    if child is None and (forks := state.forks(request.parent_run_id)):
        child = state.child(forks[-1], request.parent_step)
        child = child if child is not None and child.asked_by == request.parent_run_id else None
    if child is not None:
        return bool(child.run_id)
    parent = state.run_by_id(request.parent_id, request.parent_run_id)
    if parent is None or _is_being_forked(state, parent):
        return False
    return not parent.closed or _was_settled(state, request)


def _has_arrived(state: State, message: SignalRun | CancelRun) -> bool:
    """Whether a message is known to have arrived. Of a run that has ended that is never known; when it is gone nobody
    waits, but a fork of it may that has its steps."""
    sender = state.run_by_id(message.sender_id, message.sender_run_id)
    if sender is not None:
        return not sender.closed and state.message(message.sender_run_id, message.sender_step) is None
    forks = state.forks(message.sender_run_id)
    return not forks or _asked_by(state, forks[-1], message.sender_step) != message.sender_run_id


def _is_being_forked(state: State, parent: RunView) -> bool:
    """Whether it was reset, and its children are not those of the other run yet, which may have been reset too."""
    run = parent
    while run.status != CONTINUED and run.continued_to:
        fork = state.run_by_id(parent.workflow_id, run.continued_to)
        if fork is None or fork.copies or fork.is_pending:
            return True
        run = fork
    return False


def addressed(state: State, report: ChildReport) -> ChildReport:
    """The report for the run that has the step which it is of by now: a fork of the one that asked for it."""
    forks = state.forks(report.run_id)
    if not forks or _asked_by(state, forks[-1], report.step) != report.run_id:
        return report
    return msgspec.structs.replace(report, run_id=forks[-1])


def _asked_by(state: State, run_id: str, step: int) -> str:
    """The run that has asked for an open child, or has sent a message, of a fork; "" when that is the fork."""
    child, message = state.child(run_id, step), state.message(run_id, step)
    if child is not None:
        return child.asked_by
    request = None if message is None else decode(message.value)
    return request.sender_run_id if isinstance(request, SignalRun | CancelRun) else ""


def _was_settled(state: State, request: StartRun) -> bool:
    """The same of a parent that has ended: its history alone knows its children still."""
    for value in state.history.records(request.parent_run_id):
        record = decode(value)
        for event in record.events if isinstance(record, History) else ():
            match event:
                case ChildBegan(step=request.parent_step) | ChildEnded(step=request.parent_step):
                    return True
                case ChildRequested(step=request.parent_step) if event.parent_close != ABANDON:
                    return True
                case _:
                    pass
    return False


def cancel_child(state: State, run: RunView, step: int, row: ChildRow, reason: str) -> None:
    """Asks a child that is known to run to stop."""
    request_id = f"{child_request_id(run.run_id, step)}/cancel"
    _send(state, row.child_id, CancelRun(request_id, row.child_id, reason, "", 0, row.run_id))


def leave_others(state: State, run: RunRow) -> None:
    """The run ends: its children that have not ended are stopped or not, as the code has said, and what it has asked
    to be sent leaves."""
    for message in state.outgoing.of(run.run_id):
        if not message.row.sent:
            _send_encoded(state, message.row.target_id, message.row.value)
    leave_children(state, run, 0)
    task_queues.leave(state, run)


def leave_children(state: State, run: RunView, beyond: int) -> None:
    """Its children that have not ended are stopped or not, but those of steps up to ``beyond``."""
    for child in state.children.of(run.run_id):
        request = _farewell(run, child) if child.step > beyond else None
        if request is not None:
            _send(state, child.row.child_id, request)


def _farewell(run: RunView, child: OpenChild) -> Command | None:
    step, row = child
    asked_by = row.asked_by or run.run_id
    request_id = child_close_id(child_request_id(asked_by, step))
    child_run = child_run_id(asked_by, step, row.child_id)
    reason = f"The run of {run.workflow_id} that has started it has ended ({run.status})."
    if row.cancel_reason is not None:  # it stops already, or does when it hears of this
        return None if row.run_id else CancelRun(request_id, row.child_id, row.cancel_reason, "", 0, child_run)
    if row.parent_close == TERMINATE:
        return TerminateRun(request_id, row.child_id, reason, "", 0, child_run)
    if row.parent_close == REQUEST_CANCEL:
        return CancelRun(request_id, row.child_id, reason, "", 0, child_run)
    return None


def report(state: State, run: RunRow) -> None:
    """Tells the run's parent, if it has one, how it stands, and when it has ended what it leaves to be undone."""
    if run.parent_run_id:
        place = (run.parent_id, run.parent_run_id, run.parent_step)
        left, run.reported = run.reported, None
        ledger = (b"", 0, "") if left is None else (left.ledger, left.steps, left.pivot)
        _tell(state, ChildReport(*place, run.workflow_id, run.run_id, run.status, run.result, run.failure, *ledger))


def report_refusal(state: State, refusal: Refusal) -> None:
    """The same for a child that was refused."""
    if refusal.parent_run_id:
        place = (refusal.parent_id, refusal.parent_run_id, refusal.parent_step)
        _tell(state, ChildReport(*place, refusal.workflow_id, "", REFUSED, None, refusal.failure))


def send_message(state: State, run: RunRow, event: MessageRequested) -> None:
    """Sends a message to another run, as soon as those before it have arrived there."""
    sent_by = run.stands_for or run.run_id
    request_id = message_request_id(sent_by, event.step)
    sender = (run.workflow_id, sent_by, event.step)
    request: Command
    if event.signal:
        address = ("", 0, event.target_run_id, *sender)
        request = SignalRun(request_id, event.target_id, event.signal, event.input, *address, event.starts)
    else:
        request = CancelRun(request_id, event.target_id, event.reason, "", 0, event.target_run_id, *sender)
    value = encode(request)
    if state.outgoing.add(run, event.step, event.target_id, value):
        _send_encoded(state, event.target_id, value)


def send_next(state: State, run: RunRow, step: int) -> None:
    """A message has arrived, or was refused: the next one for the same run leaves."""
    following = state.outgoing.settle(run, step)
    if following is not None:
        _send_encoded(state, following.target_id, following.value)


def report_message(state: State, run: RunView, event: SignalReceived | CancelRequested) -> None:
    """Tells the run that has sent a message, if one has, that it is on record."""
    if event.sender_run_id:
        sender = (event.sender_id, event.sender_run_id, event.sender_step)
        _tell(state, ChildReport(*sender, run.workflow_id, run.run_id, RECEIVED))


def _send(state: State, workflow_id: str, command: Command) -> None:
    _send_encoded(state, workflow_id, encode(command))


def _send_encoded(state: State, workflow_id: str, command: bytes) -> None:
    state.send(OutboxRow(_COMMANDS, BY_KEY, workflow_id.encode(), command))


def _tell(state: State, child: ChildReport) -> None:
    state.send(OutboxRow(_RESULTS, BY_KEY, child.workflow_id.encode(), encode(child)))
