"""A child that ends hands what it has done and not undone to the run that has started it, for that one's rollback."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from sagaline._model.activities import PIVOT
from sagaline._model.events import LedgerCarried, LedgerReported
from sagaline._runtime import children
from sagaline._runtime.calls import Calls
from sagaline._runtime.endings import CANCELLED, CONTINUED, FAILED, meaning
from sagaline._runtime.sagas import branches, ledger
from sagaline._runtime.sagas.scopes import Scope
from sagaline._runtime.sagas.shield import shielded
from sagaline._runtime.steps import COMPLETED, Step, Undo, in_order


async def run(calls: Calls, body: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
    """Runs the body of a workflow that is no saga. It undoes nothing itself, so it hands up what its parts and its
    children leave, however it ends, and to the run as which it goes on. Returns the result's JSON."""
    try:
        result = await body()
        await hand_up(calls, None)
        return result
    except BaseException as error:
        end = meaning(error, calls.cancel_reason is not None, calls.run.workflow.failure_types)
        if end in (FAILED, CANCELLED, CONTINUED):
            async with shielded():
                await (_carry(calls) if end == CONTINUED else hand_up(calls, None))
        raise


async def _carry(calls: Calls) -> None:
    left = await _of_parts(calls, ledger.GOES_ON)
    if payload := ledger.packed(calls, left, "a child that its parent may undo"):
        calls.table.carried = LedgerCarried(len(left), payload)


async def hand_up(calls: Calls, scope: Scope | None) -> None:
    """All that is left of the run, as soon as its outcome is known. ``scope``: the run's own, of a saga. Raises
    SagalineError when it is too much, CancelledError."""
    left = await (_of_parts(calls, ledger.ENDS) if scope is None else ledger.rest(calls, scope, ledger.ENDS))
    pivot = _pivot(calls)
    if scope is not None and scope.pivot:
        left = []
    payload = ledger.packed(calls, left, "a child that its parent may undo")
    if payload or pivot:
        calls.table.carried = LedgerReported(len(left), payload, pivot)


async def _of_parts(calls: Calls, why: str) -> list[Undo]:
    """Of a workflow that is no saga: what its parts have done that have ended well, its children, and the runs before.
    ``why`` children that still run are stopped."""
    while (waits := [step for step in _handed_on(calls) if not step.is_known]) or children.open_of(calls, None):
        await children.stop(calls, None, 0, why)
        for step in waits:
            await branches.settled(calls, step)
    ledgers = [one for one in calls.table.ledgers.values() if one.scope is None or not one.scope.is_crossed]
    return ledger.entries(calls, in_order(_handed_on(calls), ledgers))


def _handed_on(calls: Calls) -> list[Step]:
    """Steps of parts that could still be undone."""
    return [step for step in calls.table.compensatable() if step.scope is not None and not step.scope.is_crossed]


def _pivot(calls: Calls) -> str:
    """The first pivot that is done."""
    done = (step for step in calls.table.activities.values() if step.activity.options.kind == PIVOT)
    return next((step.activity.name for step in done if step.outcome == COMPLETED), "")
