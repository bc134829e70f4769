"""A run has begun; whoever asked for it to begin is told."""

from __future__ import annotations

from sagaline._engine.family import report
from sagaline._engine.replies import send_reply
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tables.waits import DEADLINE
from sagaline._model.events import RunStarted
from sagaline._model.outcomes import Tally


def apply(state: State, run: RunRow, event: RunStarted) -> None:
    """Contract: ``run`` was made from this event (``runs.new_run``); the caller writes it."""
    if event.fork is None:
        run.started_at = run.last_at  # that of a pending run was a guess
    if (asked := event.outcomes) is not None:
        run.tally = Tally(asked.detail, asked.steps, asked.undone, asked.began_at)
    state.runs.begin(run)
    if event.deadline:
        state.waits.put(run, DEADLINE, event.deadline)
    if event.parent_run_id and not event.continued_from:
        report(state, run)
    if event.reply_to and event.reply_when == "accepted":
        send_reply(state, run, event.request_id, "accepted")
