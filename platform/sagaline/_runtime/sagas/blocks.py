"""``async with saga():`` in the code of a run."""

from __future__ import annotations

import asyncio

from sagaline._model import events
from sagaline._runtime.bugs import Evicted
from sagaline._runtime.calls import FORWARD, ROLLING_BACK, Calls
from sagaline._runtime.endings import BUG, CONTINUED, meaning
from sagaline._runtime.flags import HELD_CANCELLATION_AT_ONCE
from sagaline._runtime.sagas import branches, rollback
from sagaline._runtime.sagas.pivots import check_not_crossed
from sagaline._runtime.sagas.scopes import COMMITTED, COMPENSATED, Scope, current_scope
from sagaline._runtime.sagas.shield import shielded
from sagaline.errors import SagalineError


async def enter(calls: Calls, parallel: bool | None, limit: int, strict: bool) -> Scope:
    """Begins a scope in the running task. ``parallel`` None: as the scope around it."""
    parent = calls.sagas.here()
    if calls.phase == ROLLING_BACK or calls.is_over:  # a branch on its way out: it is closed there
        await calls.create_future()
    number = calls.table.next_number()
    if parent is not None:
        parallel, strict = parent.parallel if parallel is None else parallel, strict or parent.strict
    scope = Scope(number, parent, bool(parallel), limit, strict, task=asyncio.current_task())
    calls.sagas.open[number] = scope
    calls.commands.add(events.SagaBegan(number, -1 if parent is None else parent.number, scope.parallel, limit))
    current_scope.set(scope)
    return scope


async def leave(calls: Calls, error: BaseException | None) -> None:
    """Ends the innermost one: with an error that is a failure, or a cancellation, what its steps have done is undone
    first."""
    scope = current_scope.get()
    if scope.parent is not None:
        current_scope.set(scope.parent)
    if error is None:
        if _end(calls, scope, COMMITTED) and HELD_CANCELLATION_AT_ONCE in calls.run.flags:
            await asyncio.sleep(0)  # it is raised here
        return
    if isinstance(error, Evicted) or calls.commands.closed or not _rolls_back(calls, scope, error):
        return
    async with shielded():
        await check_not_crossed(calls, scope, error)
        scope.phase = ROLLING_BACK
        await branches.stop(calls, scope)
        await rollback.undo(calls, scope)
        _end(calls, scope, COMPENSATED)


async def roll_back_to(calls: Calls, scope: Scope, after: int) -> None:
    """Undoes what the scope has done behind a step, and goes on. Raises SagalineError."""
    if scope.phase != FORWARD or scope.pivot:
        why = f"its pivot {scope.pivot} is done" if scope.pivot else f"it is {scope.phase}"
        raise SagalineError(f"Expected a saga whose steps can be undone but {why}.")
    async with shielded():
        await rollback.undo(calls, scope, after)


def _rolls_back(calls: Calls, scope: Scope, error: BaseException) -> bool:
    if isinstance(error, asyncio.CancelledError):
        return True  # whoever asked for it: a time-out, a group of tasks, a person
    kind = meaning(error, calls.cancel_reason is not None, calls.run.workflow.failure_types)
    if kind == CONTINUED and calls.sagas.root is None and calls.table.undoable(scope):
        raise SagalineError(
            "Expected a scope to have ended before its workflow continues as new but it has steps that may have to be "
            "undone. Leave the `async with saga():` first, or make the workflow a @saga."
        )
    if kind == BUG and not any(one.phase == ROLLING_BACK for one in scope.outward()):
        calls.broken = calls.broken or error  # also of a task that nobody waits for: the scope would never end
    return kind not in (BUG, CONTINUED)


def _end(calls: Calls, scope: Scope, outcome: str) -> bool:
    """Those in it that it has closed while it rolled back have ended with it. True when that has released a
    cancellation."""
    scope.phase = outcome
    for inner in list(calls.sagas.open.values()):
        if inner is scope or (outcome == COMPENSATED and inner.is_within(scope)):
            inner.phase = outcome
            del calls.sagas.open[inner.number]
    calls.commands.add(events.SagaEnded(scope.number, outcome))
    return calls.release_cancel()


async def all_ended(calls: Calls, stops: bool = False) -> None:
    """A run does not end while a scope of it is open: it would be half done. One that is cancelled meanwhile has its
    scopes undone; with ``stops`` those of every other too. What is behind its pivot, or at it, goes on."""
    cancelled: asyncio.CancelledError | None = None
    asked: set[Scope] = set()

    def to_stop() -> list[Scope]:
        return [one for one in calls.sagas.open.values() if stops and one not in asked and not one.is_kept]

    while calls.sagas.open:
        for scope in to_stop():
            asked.add(scope)
            if scope.task is not None:
                scope.task.cancel("the run ends")
        try:
            await calls.wait_condition(lambda: not calls.sagas.open or to_stop())
        except asyncio.CancelledError as error:
            cancelled, stops = error, True
    if cancelled is not None:
        raise cancelled


async def stop_all(calls: Calls, error: BaseException) -> None:
    """The same for a run that does not end well: what its open scopes have done is undone. One that goes on as another
    waits for them."""
    if calls.sagas.open and not isinstance(error, Evicted) and not calls.commands.closed:
        kind = meaning(error, calls.cancel_reason is not None, calls.run.workflow.failure_types)
        if kind != BUG:
            await all_ended(calls, stops=kind != CONTINUED)
