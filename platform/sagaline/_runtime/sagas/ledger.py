"""The ledger: what a saga may have to undo. When it continues as new that goes along, for the next run's rollback."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sagaline._model import limits
from sagaline._model.events import LedgerCarried
from sagaline._runtime import children
from sagaline._runtime.calls import Calls
from sagaline._runtime.flags import PIVOTS_KEEP_THE_LEDGER
from sagaline._runtime.sagas import branches
from sagaline._runtime.sagas.scopes import Scope
from sagaline._runtime.steps import HandedLedger, Step, Undo, undo_of
from sagaline.errors import SagalineError

_encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(tuple[Undo, ...]).decode


ROLLS_BACK, GOES_ON, ENDS = "the saga rolls back", "its parent continues as new", "its parent ends"
"""Why children are stopped."""


async def settle(calls: Calls, scope: Scope, after: int = 0, why: str = ROLLS_BACK) -> list[Step | HandedLedger]:
    """What is to be undone of a scope, oldest first, as soon as the outcome of all of it is known: before that it could
    be undone before it happens. Children that still run are stopped. ``after``: only what is behind this step."""
    if calls.table.children:
        await children.stop(calls, scope, after, why)
    for step in calls.table.undoable(scope, after):
        if isinstance(step, Step):
            await branches.settled(calls, step)
    return calls.table.undoable(scope, after)


def entries(calls: Calls, steps: Iterable[Step | HandedLedger]) -> list[Undo]:
    """What undoes them, in the same order."""
    found: list[Undo] = []
    for step in steps:
        found += step.left if isinstance(step, HandedLedger) else [undo_of(step, calls.run.run_of(step.number))]
    return found


def packed(calls: Calls, left: list[Undo], what: str) -> bytes:
    """The ledger as it leaves the run; nothing for an empty one. Raises SagalineError when it is too much."""
    if not left:
        return b""
    payload = _encode(left)
    size, most = calls.setup.sealed_size(payload), calls.setup.carried_bytes
    if len(left) > limits.CARRIED_STEPS or size > most:
        raise SagalineError(
            f"Expected {what} to have at most {limits.CARRIED_STEPS:,} steps to undo, with {most:,} bytes of "
            f"arguments, but it has {len(left):,} with {size:,}. Give them references instead of data, or leave "
            f"children out that need not be undone: options(undo=False)."
        )
    return payload


async def carry(calls: Calls, scope: Scope) -> None:
    """The run continues as new. A step whose outcome is not known yet is waited for, and no other task goes on then.
    Raises SagalineError when it is too much; CancelledError when the run is cancelled meanwhile: it rolls back."""
    left = await rest(calls, scope, GOES_ON)
    if scope.pivot and PIVOTS_KEEP_THE_LEDGER in calls.run.flags:
        return
    payload = packed(calls, left, "a saga that continues as new")
    if payload:
        calls.table.carried = LedgerCarried(len(left), payload)


async def rest(calls: Calls, scope: Scope, why: str) -> list[Undo]:
    """All that a saga leaves when its run ends, what others have left to it first."""
    if any(not step.is_known for step in calls.table.undoable(scope)) or children.open_of(calls, scope):
        await branches.stop(calls, scope)
    own = await settle(calls, scope, why=why)
    return entries(calls, [*calls.table.inherited(), *own])
