"""Code that is not cancelled half way: what comes meanwhile is delivered behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sagaline._runtime.loop import WorkflowTask


@asynccontextmanager
async def shielded() -> AsyncGenerator[None]:
    """The running task is not cancelled within. Raises CancelledError at the end when somebody has tried, unless the
    block raises: then where the task waits next."""
    task = asyncio.current_task()
    if not isinstance(task, WorkflowTask) or task.held is not None:
        yield
        return
    held: list[Any] = []
    task.held = held
    try:
        yield
    finally:
        task.held = None
        for reason in held:
            task.cancel(reason)
    if held:
        await asyncio.sleep(0)
