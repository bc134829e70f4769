"""Branches that still run beside the failed one: they are stopped before anything is undone.

A branch is cancelled, and may clean up: call an activity or two, whose outcome is waited for. What it may ask for is
bounded, and so is how often it may go on as if it had not been cancelled: then it is closed. Cleaning up is no place
to sleep: a branch that waits for a timer alone is cancelled again.
"""

from __future__ import annotations

from sagaline._model.limits import CANCELS, CLEANUP_CALLS
from sagaline._runtime.calls import Calls
from sagaline._runtime.closing import close_all
from sagaline._runtime.steps import Step


async def stop(calls: Calls) -> None:
    """Returns when no other task of the run is left that could ask for anything."""
    branches = calls.live_tasks()
    if not branches:
        return
    last = calls.table.count
    calls.allow_calls(CLEANUP_CALLS * len(branches))
    try:
        for _ in range(CANCELS):
            for branch in calls.live_tasks():
                branch.cancel("the saga rolls back")
            await calls.quiet()
            while calls.live_tasks() and (step := calls.table.newest_open()) is not None and step.number > last:
                await settled(calls, step)
                await calls.quiet()
        calls.allow_calls(0)
        close_all(calls.live_tasks)
    finally:
        calls.allow_calls(None)


async def settled(calls: Calls, step: Step) -> None:
    """Waits for a step's outcome."""
    if step.outcome is None:
        step.settled = calls.create_future()
        await step.settled
