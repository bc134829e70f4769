"""An update is accepted: its handler begins. Its validator was asked before, and is never asked in replay."""

from __future__ import annotations

from sagaline._model.events import UpdateAccepted
from sagaline._runtime.bugs import MISMATCH, stopped
from sagaline._runtime.handlers import names_of
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: UpdateAccepted) -> None:
    """Raises WorkflowBug for an update that this code does not know, InvalidInput for arguments that do not fit."""
    handlers = loop.run.workflow.handlers
    handler = handlers.update(job.update)
    if handler is None:
        message = (
            f"Expected {loop.run.workflow.name} to handle update {job.update!r}, which was accepted, but it handles: "
            f"{names_of(handlers.updates)}. Deploy a version that handles it, and the run goes on by itself."
        )
        raise stopped("UnknownUpdate", message, MISMATCH)
    loop.mailbox.receive_update(handler, job.update_id, *handler.arguments(job.update, job.input))
