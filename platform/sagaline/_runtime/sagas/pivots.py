"""The class of a saga's steps: what may be undone comes before the pivot, and behind it nothing is undone any more.

A pivot is the step after which the transaction has happened. While it is under way the scope is not cancelled, for
nobody knows yet which way it goes; when it has said no the cancellation is delivered; when it is done nothing rolls the
scope back, and what follows is retried until it is done or waits for a person.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sagaline._model.activities import PIVOT, READ_ONLY, RETRIABLE, AttemptLimits, SagaStep, until_done
from sagaline._runtime.bugs import SagaOrder
from sagaline._runtime.calls import Calls
from sagaline._runtime.definitions import ActivityDefinition, ActivityOptions
from sagaline._runtime.failures import failure_of
from sagaline._runtime.frames import caller
from sagaline._runtime.sagas.scopes import Scope
from sagaline._runtime.sagas.shield import shielded
from sagaline._runtime.steps import COMPLETED, Step


def place_of(scope: Scope, activity: ActivityDefinition) -> SagaStep | None:
    """What a step that is called now is for its scope; None for one that the ledger leaves out. Raises SagaOrder."""
    kind, undo = activity.options.kind, activity.link.definition
    if not kind:
        if undo is not None and scope.pivot:
            raise SagaOrder(
                f"Expected nothing that can be undone behind the pivot {scope.pivot} but {activity.name} has the "
                f"compensation {undo.name} ({caller()}): nothing rolls back any more. Call it before the pivot, or say "
                f"retriable=True, or compensation=None at the call."
            )
        if undo is None and scope.strict:
            raise SagaOrder(
                f"Expected each step of a strict saga to say what becomes of its effect but {activity.name} does not "
                f"({caller()}). Give it a compensation, or say read_only, irreversible, pivot or retriable."
            )
        if undo is None:
            return SagaStep(scope.number, RETRIABLE) if scope.pivot else None
    return SagaStep(scope.number, kind, not kind and activity.link.takes_result)


def limits_of(scope: Scope | None, options: ActivityOptions, undoes: bool) -> AttemptLimits | None:
    """How a step fails: what must be done, which is a pivot unless it says no, what comes behind it and what undoes
    others, waits for a person instead. ``undoes``: it is the last that can undo another, without a fallback."""
    kind = options.kind
    behind = scope is not None and bool(scope.pivot) and kind != READ_ONLY
    return until_done(options.limits) if undoes or behind or kind in (PIVOT, RETRIABLE) else options.limits


async def outcome(calls: Calls, step: Step) -> Any:
    """Waits for a pivot. Raises ActivityError when it has said no, and only then what has been held back."""
    scope = step.scope
    if scope is None:
        return await step.future
    scope.await_pivot(1)
    try:
        async with shielded():
            result = await step.future
    except BaseException:
        scope.await_pivot(-1)
        if calls.release_cancel():
            await asyncio.sleep(0)  # it is raised here
        raise
    finally:
        if step.outcome == COMPLETED:
            scope.cross(step.activity.name)
    scope.await_pivot(-1)
    return result


async def check_not_crossed(calls: Calls, scope: Scope, error: BaseException) -> None:
    """Raises SagaOrder when a failure would roll back what cannot be undone, which parks the run. A pivot that is under
    way beside the failure is waited for. Contract: the task is shielded."""
    while scope.pivots_open:
        await calls.wait_condition(lambda: not scope.pivots_open)
    if scope.pivot:
        failure = failure_of(error)
        calls.broken = SagaOrder(
            f"Expected no failure behind the pivot {scope.pivot}, where nothing rolls back, but the code lets one out: "
            f"{failure.type}: {failure.message}. Catch it there, or make what fails a step that is retried."
        )
        raise calls.broken from error
