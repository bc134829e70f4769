"""Rollback: when a saga fails or is cancelled, every step that may have had an effect is compensated.

In reverse order of start, one after the other, shielded from cancellation. A compensation that fails for good
parks the run: a saga is never silently half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sagaline._runtime.bugs import CompensationFailed
from sagaline._runtime.calls import Calls
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.steps import FAILED, Step, compensation_input
from sagaline.errors import ActivityError, FailureError


async def run(calls: Calls, body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Runs a saga's body; on failure or cancellation rolls back, then lets the error out."""
    try:
        return await body()
    except (FailureError, asyncio.CancelledError):
        calls.is_rolling_back = True
        await _stop_branches(calls)
        await _roll_back(calls)
        calls.rolled_back = True
        raise


async def _stop_branches(calls: Calls) -> None:
    """Branches that still run beside the failed one are cancelled: nothing new starts while steps are undone."""
    branches = calls.live_tasks()
    for branch in branches:
        branch.cancel("the saga rolls back")
    if branches:
        await asyncio.wait(branches)


async def _roll_back(calls: Calls) -> None:
    ledger = [(step, undo) for step in calls.steps() if (undo := step.activity.compensation) is not None]
    for step, _ in ledger:
        await _settled(calls, step)
    for step, undo in reversed(ledger):
        if step.outcome != FAILED:
            await _compensate(calls, step, undo)


async def _settled(calls: Calls, step: Step) -> None:
    """Waits for a step's outcome: undoing a step that still runs could undo it before it happens."""
    if step.outcome is None:
        step.settled = calls.create_future()
        await step.settled


async def _compensate(calls: Calls, step: Step, compensation: ActivityDefinition) -> None:
    undo = calls.schedule(compensation, compensation_input(step, compensation), compensates=step)
    try:
        await undo.future
    except ActivityError as error:
        raise CompensationFailed(
            f"Expected {compensation.name} to undo step {step.number} ({step.activity.name}) but it failed for good: "
            f"{error.failure.type}: {error.failure.message}. The run waits for a person."
        ) from error
