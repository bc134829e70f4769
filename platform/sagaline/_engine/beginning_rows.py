"""The row of a run that begins: by a request, behind one that goes on as it, or by a reset."""

from __future__ import annotations

from sagaline._engine.tables.runs import RunRow, RunView
from sagaline._model.events import RunStarted
from sagaline._model.forks import Fork
from sagaline._model.records import RUNNING


def new_run(workflow_id: str, run_id: str, started: RunStarted, at_ms: int) -> RunRow:
    """The row of a run that begins with ``started``."""
    return RunRow(
        workflow_id=workflow_id,
        run_id=run_id,
        workflow=started.workflow,
        request_id=started.request_id,
        reply_to=started.reply_to,
        reply_partition=started.reply_partition,
        reply_when=started.reply_when,
        started_at=at_ms if started.fork is None else started.fork.at,
        last_at=at_ms,
        status=RUNNING,
        continued_from=started.continued_from,
        first_run_id=started.first_run_id,
        parent_id=started.parent_id,
        parent_run_id=started.parent_run_id,
        parent_step=started.parent_step,
        wants_ledger=started.wants_ledger,
        deadline=started.deadline,
        fork=started.fork,
    )


def successor(run: RunRow) -> RunRow:
    """The row of the run as which ``run`` goes on, from the end of that on: its id is never free. Whoever waits for
    the end of the first waits for that of the last. It inherits the signals that ``run`` has not handled, and then
    those that ``run`` was yet to receive itself."""
    waits = run.reply_when == "closed"
    return RunRow(
        workflow_id=run.workflow_id,
        run_id=run.continued_to,
        workflow=run.workflow,
        request_id=run.request_id,
        reply_to=run.reply_to if waits else "",
        reply_partition=run.reply_partition if waits else 0,
        reply_when=run.reply_when,
        started_at=run.last_at + 1,
        last_at=run.last_at + 1,
        status=RUNNING,
        continued_from=run.run_id,
        first_run_id=run.first_run_id or run.run_id,
        inherits=((run.run_id,) if run.signals_waiting else ()) + run.inherits,
        parent_id=run.parent_id,
        parent_run_id=run.parent_run_id,
        parent_step=run.parent_step,
        wants_ledger=run.wants_ledger,
        deadline=run.deadline,
        wills=run.wills,
    )


def forked(before: RunView, run_id: str, fork: Fork, goes_on: bool) -> RunRow:
    """The row of the run that a reset begins, before its first record. ``goes_on``: the reset has ended ``before``, and
    whoever waits for the end of that waits for its own. One that had ended before stays as it was."""
    waits = goes_on and before.reply_when == "closed"
    return RunRow(
        workflow_id=before.workflow_id,
        run_id=run_id,
        workflow=before.workflow,
        request_id=before.request_id,
        reply_to=before.reply_to if waits else "",
        reply_partition=before.reply_partition if waits else 0,
        reply_when=before.reply_when,
        started_at=fork.at,
        last_at=fork.at,
        status=RUNNING,
        first_run_id=(before.first_run_id or before.run_id) if goes_on else "",
        fork=fork,
    )
