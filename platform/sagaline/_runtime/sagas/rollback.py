"""Rollback: when a saga fails or is cancelled, every step that may have had an effect is compensated.

In reverse order of start, one after the other or, where a scope says so, those that ran beside each other beside each
other; those of the runs before last; shielded from cancellation. A compensation that fails for good has a fallback, or
waits for a person: a saga is never silently half done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from sagaline._model.events import SagaBegan
from sagaline._model.undo_order import batches, limit_of
from sagaline._runtime.bugs import CompensationFailed
from sagaline._runtime.calls import ROLLED_BACK, ROLLING_BACK, Calls
from sagaline._runtime.endings import BUG, CONTINUED, meaning
from sagaline._runtime.flags import BRANCHES_END, CANCELLATION_DECIDED_FIRST
from sagaline._runtime.payload_bounds import encode_result
from sagaline._runtime.sagas import branches, handing_up, ledger
from sagaline._runtime.sagas.pivots import check_not_crossed
from sagaline._runtime.sagas.scopes import Scope
from sagaline._runtime.steps import COMPLETED, HandedLedger, Step, Undo
from sagaline.errors import ActivityError


async def run(calls: Calls, scope: Scope, body: Callable[[], Coroutine[Any, Any, Any]]) -> bytes:
    """Runs a saga's body; on failure or cancellation rolls back, then lets the error out. Returns the result's JSON."""
    if scope.parallel or scope.limit:
        calls.commands.add(SagaBegan(scope.number, parallel=scope.parallel, limit=scope.limit))
    try:
        try:
            result = encode_result(calls.setup, calls.run.workflow, await body())
            if calls.sagas.open:
                await calls.wait_condition(lambda: not calls.sagas.open)
            if calls.run.wants_ledger:
                await handing_up.hand_up(calls, scope)
            return result
        except BaseException as error:
            if _meaning(calls, error) == CONTINUED:
                await ledger.carry(calls, scope)
            raise
    except BaseException as error:
        if not _is_undone(calls, error):
            raise
        calls.phase = scope.phase = ROLLING_BACK
        await check_not_crossed(calls, scope, error)
        if BRANCHES_END in calls.run.flags:
            await branches.stop(calls, scope)
        else:
            await _cancel_branches(calls, scope)
        await undo(calls, scope)
        await _undo_batch(calls, calls.table.inherited())
        calls.phase = ROLLED_BACK
        raise


def _is_undone(calls: Calls, error: BaseException) -> bool:
    """A bug undoes nothing: the run waits, as it stands, for code that is right."""
    if CANCELLATION_DECIDED_FIRST not in calls.run.flags and isinstance(error, asyncio.CancelledError):
        return True
    return _meaning(calls, error) not in (BUG, CONTINUED)


def _meaning(calls: Calls, error: BaseException) -> str:
    return meaning(error, calls.cancel_reason is not None, calls.run.workflow.failure_types)


async def _cancel_branches(calls: Calls, scope: Scope) -> None:
    """As runs of the first format have it: whoever swallows the cancellation is waited for."""
    tasks = calls.live_tasks(scope)
    for task in tasks:
        task.cancel("the saga rolls back")
    if tasks:
        await asyncio.wait(tasks)


async def undo(calls: Calls, scope: Scope, after: int = 0) -> None:
    """Undoes the steps of a scope, those behind step ``after``."""
    for batch in batches(await ledger.settle(calls, scope, after)):
        await _undo_batch(calls, batch)


async def _undo_batch(calls: Calls, batch: Sequence[Step | HandedLedger]) -> None:
    """Without tasks: should a scope around this one take over, the steps alone say what is under way. What another run
    has handed over is undone newest first, one after the other."""
    waiting = deque(batch)
    limit = limit_of(batch) if batch else 0
    running: list[Undoing] = []
    while waiting or running:
        while waiting and len(running) < limit:
            running.append(_next(calls, waiting.popleft()))
        await branches.settled(calls, *(one.call for one in running))
        running = [left for one in running if (left := _continued(calls, one)) is not None]


class Undoing(NamedTuple):
    """What is being undone of a step, or of a ledger of another run, and by which call."""

    undo: Undo
    call: Step
    step: Step | HandedLedger


def _next(calls: Calls, step: Step | HandedLedger) -> Undoing:
    """What is undone next of it; that may have begun, where a scope around takes over."""
    undo = step.next_undo(calls.run.run_of(step.number))
    call = step.undo = step.undo or _begin(calls, undo, step)
    return Undoing(undo, call, step)


def _continued(calls: Calls, undoing: Undoing) -> Undoing | None:
    """What is still to be waited for: the same, its fallback, or the step before; None when all of it is done. Raises
    CompensationFailed."""
    undo, call, step = undoing
    if call.outcome is None:
        return undoing
    if call.outcome == COMPLETED:
        step.note_undone()
        return None if step.undone else _next(calls, step)
    if undo.fallback and call.activity.name != undo.fallback:
        step.undo = following = _begin(calls, undo, step, undo.fallback)
        return Undoing(undo, following, step)
    of_run = "" if undo.run_id == calls.run.identity else f" of run {undo.run_id}"
    error = call.future.exception()
    raise CompensationFailed(
        f"Expected {undo.compensation} to undo step {undo.step}{of_run} ({undo.activity}) but it failed for good: "
        f"{_shown(error)}. The run waits for a person."
    ) from error


def _begin(calls: Calls, undo: Undo, step: Step | HandedLedger, name: str = "") -> Step:
    compensation = calls.setup.registry.activity(name or undo.compensation)
    of_child = step.number if isinstance(step, HandedLedger) else 0
    return calls.schedule(compensation, bytes(undo.input), compensates=undo, of_child=of_child)


def _shown(error: BaseException | None) -> str:
    return f"{error.failure.type}: {error.failure.message}" if isinstance(error, ActivityError) else str(error)
