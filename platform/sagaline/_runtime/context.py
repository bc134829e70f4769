"""How public functions find what they are called in: the running workflow instance, or the running activity."""

from __future__ import annotations

import asyncio
import contextvars

from sagaline._runtime.activities import ActivityInfo
from sagaline._runtime.calls import Calls
from sagaline._runtime.loop import DeterministicLoop

_running_loop = asyncio._get_running_loop

current_activity: contextvars.ContextVar[ActivityInfo] = contextvars.ContextVar("sagaline_activity")


def current_instance() -> Calls | None:
    """The workflow instance that is running this code, or None outside a workflow."""
    loop = _running_loop()
    return loop if isinstance(loop, DeterministicLoop) else None  # type: ignore[return-value]  # it is a RunLoop
