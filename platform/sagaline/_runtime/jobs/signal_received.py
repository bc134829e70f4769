"""A signal has come: its handler begins, or it waits until the code asks for it."""

from __future__ import annotations

from sagaline._model.events import SignalReceived
from sagaline._runtime.bugs import MISMATCH, stopped
from sagaline._runtime.handlers import names_of
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: SignalReceived) -> None:
    """Raises WorkflowBug for a signal that this code does not know, InvalidInput for arguments that do not fit."""
    handlers = loop.run.workflow.handlers
    handler = handlers.signal(job.signal)
    if handler is None:
        message = (
            f"Expected {loop.run.workflow.name} to handle signal {job.signal!r}, which has come, but it handles: "
            f"{names_of(handlers.signals)}. Deploy a version that handles it, and the run goes on by itself."
        )
        raise stopped("UnknownSignal", message, MISMATCH)
    loop.mailbox.receive_signal(handler, *handler.arguments(job.signal, job.input))
