"""Branches that still run beside the failed one: they are stopped before anything is undone.

A branch is cancelled, and may clean up: call an activity or two, whose outcome is waited for. What it may ask for is
bounded, and so is how often it may go on as if it had not been cancelled: then it is closed. Cleaning up is no place
to sleep: a branch that waits for a timer alone is cancelled again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sagaline._model.limits import CANCELS, CLEANUP_CALLS
from sagaline._runtime.calls import Calls
from sagaline._runtime.closing import close_all
from sagaline._runtime.sagas.scopes import Scope
from sagaline._runtime.steps import Step


async def stop(calls: Calls, scope: Scope) -> None:
    """Returns when no other task of the scope is left that could ask for anything."""

    def live_tasks() -> list[asyncio.Task[Any]]:
        return calls.live_tasks(scope)

    branches = live_tasks()
    if not branches:
        return
    last = calls.table.count
    calls.sagas.allow_calls(scope, CLEANUP_CALLS * len(branches))
    try:
        for _ in range(CANCELS):
            for branch in live_tasks():
                branch.cancel("the saga rolls back")
            await calls.quiet()
            while live_tasks() and (step := _newest_open(calls, scope)) is not None and step.number > last:
                await settled(calls, step)
                await calls.quiet()
        calls.sagas.allow_calls(scope, 0)
        close_all(live_tasks)
    finally:
        calls.sagas.allow_calls(scope, None)


def _newest_open(calls: Calls, scope: Scope) -> Step | None:
    """Of the scope's activities whose outcome is not known, the one that was asked for last."""
    return next((step for step in reversed(calls.table.open.values()) if step.is_of(scope)), None)


async def settled(calls: Calls, *steps: Step) -> None:
    """Waits until the outcome of one of the steps is known."""
    if all(step.outcome is None for step in steps):
        waiter = calls.create_future()
        for step in steps:
            step.waiters = [*(step.waiters or ()), waiter]
        await waiter
