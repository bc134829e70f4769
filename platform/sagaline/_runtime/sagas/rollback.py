"""Rollback: when a saga fails or is cancelled, every step that may have had an effect is compensated.

In reverse order of start, one after the other, shielded from cancellation. A compensation that fails for good
parks the run: a saga is never silently half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from sagaline._runtime.steps import FAILED, Step, compensation_input
from sagaline.errors import ActivityError, FailureError

if TYPE_CHECKING:
    from sagaline._runtime.instance import Instance


class CompensationFailed(FailureError):
    """A compensation failed for good; the run is parked for a person."""


async def run(instance: Instance, body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Runs a saga's body; on failure or cancellation rolls back, then lets the error out."""
    try:
        return await body()
    except (FailureError, asyncio.CancelledError):
        instance.is_rolling_back = True
        await _stop_branches(instance)
        await _roll_back(instance)
        instance.rolled_back = True
        raise


async def _stop_branches(instance: Instance) -> None:
    """Branches that still run beside the failed one are cancelled: nothing new starts while steps are undone."""
    branches = instance.live_tasks()
    for branch in branches:
        branch.cancel("the saga rolls back")
    if branches:
        await asyncio.wait(branches)


async def _roll_back(instance: Instance) -> None:
    ledger = [step for step in instance.steps.values() if step.activity.compensation is not None]
    for step in ledger:
        await _settled(instance, step)
    for step in reversed(ledger):
        if step.outcome != FAILED:
            await _compensate(instance, step)


async def _settled(instance: Instance, step: Step) -> None:
    """Waits for a step's outcome: undoing a step that still runs could undo it before it happens."""
    if step.outcome is None:
        waiter = instance.create_future()
        step.settled.append(waiter)
        await waiter


async def _compensate(instance: Instance, step: Step) -> None:
    compensation = step.activity.compensation
    assert compensation is not None
    undo = instance.schedule(compensation, compensation_input(step), compensates=step)
    try:
        await undo.future
    except ActivityError as error:
        raise CompensationFailed(
            f"Expected {compensation.name} to undo step {step.number} ({step.activity.name}) but it failed for good: "
            f"{error.failure.type}: {error.failure.message}. The run waits for a person."
        ) from error
