"""How public functions find what they are called in: the running workflow instance, or the running activity."""

from __future__ import annotations

import asyncio
import contextvars

from sagaline._runtime.activities import RunningAttempt
from sagaline._runtime.calls import Calls
from sagaline._runtime.frames import caller
from sagaline._runtime.loop import DeterministicLoop
from sagaline.errors import SagalineError

_running_loop = asyncio._get_running_loop

current_activity: contextvars.ContextVar[RunningAttempt] = contextvars.ContextVar("sagaline_activity")
"""The running attempt."""


outside_of: contextvars.ContextVar[Calls | None] = contextvars.ContextVar("sagaline_outside", default=None)
"""The run whose side effect is running: code that is no part of the workflow, so it finds none."""


def current_instance() -> Calls | None:
    """The workflow instance that is running this code, or None outside a workflow."""
    loop = _running_loop()
    return loop if isinstance(loop, DeterministicLoop) else None  # type: ignore[return-value]  # it is a RunLoop


def require_instance(what: str) -> Calls:
    """The same; raises SagalineError outside a workflow."""
    instance = current_instance()
    if instance is None:
        refuse_in_side_effect(what)
        raise SagalineError(f"Expected {what} inside a workflow that a worker runs but it was called outside.")
    return instance


def refuse_in_side_effect(what: str) -> None:
    """Raises SagalineError, and parks the run, when a side effect calls what only workflow code may call."""
    calls = outside_of.get()
    if calls is not None:
        error = SagalineError(
            f"Expected a side effect to ask nothing of its workflow but it calls {what} ({caller()}). Call that before "
            f"or behind workflow.side_effect(), and pass values."
        )
        calls.broken = calls.broken or error
        raise error
