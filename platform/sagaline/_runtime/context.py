"""How public functions find what they are called in: the running workflow instance, or the running activity."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagaline._runtime.activities import ActivityInfo
    from sagaline._runtime.instance import Instance

_running_loop = asyncio._get_running_loop
instance_type: type[Instance] | None = None

current_activity: contextvars.ContextVar[ActivityInfo] = contextvars.ContextVar("sagaline_activity")


def current_instance() -> Instance | None:
    """The workflow instance that is running this code, or None outside a workflow."""
    loop = _running_loop()
    return loop if instance_type is not None and isinstance(loop, instance_type) else None
