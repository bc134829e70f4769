"""What the log says of runs that have failed, or are parked."""

from __future__ import annotations

import logging

from sagaline._engine.tables.runs import RunView
from sagaline._model import limits
from sagaline._model.events import RunFailed
from sagaline._runtime.bugs import WorkflowBug

_log = logging.getLogger("sagaline.partition")


def log_failed(run: RunView, event: RunFailed) -> None:
    """Its code has failed."""
    message = limits.cut(event.failure.message, limits.LOGGED_BYTES)
    _log.warning("Run of %s failed: %s: %s", run.workflow_id, event.failure.type, message)


def log_parked(run: RunView, bug: WorkflowBug) -> None:
    """It waits for attention."""
    failure = bug.failure
    told = (run.workflow_id, bug.reason, failure.type, failure.message, failure.stack)
    _log.error("Run of %s is parked (%s): %s: %s\n%s", *told)
