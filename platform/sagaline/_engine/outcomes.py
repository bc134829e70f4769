"""Outcomes of sagas, for whoever reads the topic: they leave through the outbox, in the batch of the event that they
tell of, so they are as durable as that. A repeat has the same id."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow
from sagaline._engine.tables.outbox import BY_KEY, OutboxRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.activities import ActivityRepaired, ActivityScheduled
from sagaline._model.codec import encode
from sagaline._model.failure import Failure
from sagaline._model.limits import NAME_BYTES, SUMMARY_BYTES, cut
from sagaline._model.outcomes import FULL, RESUMED, SagaOutcome, Tally
from sagaline._model.records import PARKED

OUTCOMES = "outcomes"


def count_step(run: RunRow, tally: Tally, event: ActivityScheduled) -> None:
    """A step of a saga, or what undoes one, was asked for."""
    if event.compensates is not None:
        tally.rollback_at = tally.rollback_at or run.last_at
    elif event.saga is not None:
        tally.steps += 1
        tally.rollback_at = 0


def tell_end(state: State, run: RunRow, tally: Tally) -> None:
    """The run has ended, with the status that its row has."""
    _send(state, run, tally, run.status, False, failure=run.failure)


def tell_parked(state: State, run: RunRow, failure: Failure, step: ActivityRow | None = None) -> None:
    """The run, or this step of it, waits for a person."""
    if run.tally is not None:
        _send(state, run, run.tally, PARKED, True, step, failure)


def tell_repaired(state: State, run: RunRow, tally: Tally, step: ActivityRow, event: ActivityRepaired) -> None:
    """A person has said what becomes of a parked step. Contract: the row of the run counts it still."""
    is_parked = run.status == PARKED or run.parked_steps > 1
    why = (event.action, event.by, event.reason)
    _send(state, run, tally, RESUMED, is_parked, step, step.failure, why)


def tell_resumed(state: State, run: RunRow, action: str = "", by: str = "", reason: str = "") -> None:
    """The run waits no more for what had parked all of it; a step of it may still."""
    if run.tally is not None:
        _send(state, run, run.tally, RESUMED, run.standing == PARKED, why=(action, by, reason))


def _send(
    state: State,
    run: RunRow,
    tally: Tally,
    outcome: str,
    is_parked: bool,
    step: ActivityRow | None = None,
    failure: Failure | None = None,
    why: tuple[str, str, str] = ("", "", ""),
) -> None:
    tally.told += 1
    scheduled, is_full = None if step is None else step.scheduled, tally.detail == FULL
    action, by, reason = why
    record = SagaOutcome(
        f"outcome/{run.run_id}/{tally.told}",
        run.workflow_id,
        run.run_id,
        run.first_run_id or run.run_id,
        run.workflow,
        outcome,
        run.last_at,
        tally.began_at or run.started_at,
        tally.rollback_at,
        tally.steps,
        tally.undone,
        is_parked,
        0 if scheduled is None else scheduled.step,
        "" if scheduled is None else scheduled.activity,
        0 if scheduled is None else scheduled.compensates or 0,
        "" if failure is None else cut(failure.type, NAME_BYTES),
        cut(failure.message, SUMMARY_BYTES) if failure is not None and is_full else "",
        action,
        cut(by, NAME_BYTES),
        cut(reason, SUMMARY_BYTES) if is_full else "",
    )
    state.send(OutboxRow(OUTCOMES, BY_KEY, run.workflow_id.encode(), encode(record)))
