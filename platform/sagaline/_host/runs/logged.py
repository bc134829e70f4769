"""What the log says of runs that have failed, or are parked."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sagaline._engine.tables.runs import RunView
from sagaline._model import limits
from sagaline._model.events import ActivityParked, Event, RunFailed
from sagaline._runtime.bugs import WorkflowBug

_log = logging.getLogger("sagaline.partition")


def log_failed(run: RunView, event: RunFailed) -> None:
    """Its code has failed."""
    message = limits.cut(event.failure.message, limits.LOGGED_BYTES)
    _log.warning("Run of %s failed: %s: %s", run.workflow_id, event.failure.type, message)


def log_parked_steps(run: RunView, events: Sequence[Event]) -> None:
    """Steps that have failed for good wait for a person."""
    for event in events:
        if type(event) is ActivityParked:
            failure = event.failure
            told = (event.step, run.workflow_id, failure.type, failure.message, run.workflow_id, failure.stack)
            _log.error("Step %d of %s waits for a person: %s: %s. See `sagaline saga ledger %s`.\n%s", *told)


def log_parked(run: RunView, bug: WorkflowBug) -> None:
    """It waits for attention."""
    failure = bug.failure
    told = (run.workflow_id, bug.reason, failure.type, failure.message, failure.stack)
    _log.error("Run of %s is parked (%s): %s: %s\n%s", *told)
