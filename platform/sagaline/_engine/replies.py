"""Answers to clients, made where the event that calls for them is applied, so that they are never lost."""

from __future__ import annotations

from sagaline._engine.family import leave_others, report
from sagaline._engine.outcomes import tell_end
from sagaline._engine.state import State
from sagaline._engine.tables.outbox import OutboxRow
from sagaline._engine.tables.runs import RunRow, RunView
from sagaline._engine.wills import send_wills
from sagaline._model.codec import encode
from sagaline._model.records import COMPENSATED, FAILED, PARKED, TERMINATED, Reply

REPLIES = "replies"


def outcome(run: RunView, request_id: str, kind: str) -> Reply:
    """The answer that tells how a run stands or ended."""
    return Reply(
        request_id,
        run.workflow_id,
        run.run_id,
        kind,
        run.standing,
        run.result,
        run.failure,
        first_run_id=run.first_run_id,
    )


def send_reply(state: State, run: RunView, request_id: str, kind: str) -> None:
    """Answers the request that started the run."""
    value = encode(outcome(run, request_id, kind))
    state.send(OutboxRow(REPLIES, run.reply_partition, run.reply_to.encode(), value))


def close_run(state: State, run: RunRow, status: str) -> None:
    """Ends the run with ``status``; whoever started it and waits for its end is told."""
    if run.parked_steps and run.status != PARKED:  # it has ended all the same, and not for that reason
        run.parked_at = None
        if status not in (FAILED, COMPENSATED, TERMINATED):
            run.failure = None
    run.status = status
    run.closed_at = run.last_at
    if run.undo is not None:
        run.kept_ms = max(0, run.undo.kept_until - run.closed_at)
    if run.open_steps:
        leave_others(state, run)
    if run.wills:
        send_wills(state, run)
    if run.parent_run_id:
        report(state, run)
    if run.tally is not None:
        tell_end(state, run, run.tally)
    state.close_run(run)
    if run.reply_to and run.reply_when == "closed":
        send_reply(state, run, run.request_id, "closed")
