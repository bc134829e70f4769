"""Rollback: when a saga fails or is cancelled, every step that may have had an effect is compensated.

In reverse order of start, one after the other, those of the runs before it last, shielded from cancellation. A
compensation that fails for good parks the run: a saga is never silently half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sagaline._runtime.bugs import CompensationFailed
from sagaline._runtime.calls import ROLLED_BACK, ROLLING_BACK, Calls
from sagaline._runtime.endings import BUG, CONTINUED, meaning
from sagaline._runtime.flags import BRANCHES_END, CANCELLATION_DECIDED_FIRST
from sagaline._runtime.payload_bounds import encode_result
from sagaline._runtime.sagas import branches, ledger
from sagaline._runtime.steps import Undo
from sagaline.errors import ActivityError


async def run(calls: Calls, body: Callable[[], Coroutine[Any, Any, Any]]) -> bytes:
    """Runs a saga's body; on failure or cancellation rolls back, then lets the error out. Returns the result's JSON."""
    try:
        try:
            return encode_result(calls.setup, calls.run.workflow, await body())
        except BaseException as error:
            if _meaning(calls, error) == CONTINUED:
                await ledger.carry(calls)
            raise
    except BaseException as error:
        if not _is_undone(calls, error):
            raise
        calls.phase = ROLLING_BACK
        if BRANCHES_END in calls.run.flags:
            await branches.stop(calls)
        else:
            await _cancel_branches(calls)
        await _roll_back(calls)
        calls.phase = ROLLED_BACK
        raise


def _is_undone(calls: Calls, error: BaseException) -> bool:
    """A bug undoes nothing: the run waits, as it stands, for code that is right."""
    if CANCELLATION_DECIDED_FIRST not in calls.run.flags and isinstance(error, asyncio.CancelledError):
        return True
    return _meaning(calls, error) not in (BUG, CONTINUED)


def _meaning(calls: Calls, error: BaseException) -> str:
    return meaning(error, calls.cancel_reason is not None, calls.run.workflow.failure_types)


async def _cancel_branches(calls: Calls) -> None:
    """As runs of the first format have it: whoever swallows the cancellation is waited for."""
    tasks = calls.live_tasks()
    for task in tasks:
        task.cancel("the saga rolls back")
    if tasks:
        await asyncio.wait(tasks)


async def _roll_back(calls: Calls) -> None:
    for undo in reversed(await ledger.settle(calls)):
        await _compensate(calls, undo)


async def _compensate(calls: Calls, undo: Undo) -> None:
    compensation = calls.setup.registry.activity(undo.compensation)
    call = calls.schedule(compensation, bytes(undo.input), compensates=undo)
    try:
        await call.future
    except ActivityError as error:
        of_run = "" if undo.run_id == calls.run.identity else f" of run {undo.run_id}"
        raise CompensationFailed(
            f"Expected {undo.compensation} to undo step {undo.step}{of_run} ({undo.activity}) but it failed for good: "
            f"{error.failure.type}: {error.failure.message}. The run waits for a person."
        ) from error
