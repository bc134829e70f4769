"""The ledger: what a saga may have to undo. When it continues as new that goes along, for the next run's rollback."""

from __future__ import annotations

import msgspec

from sagaline._model import limits
from sagaline._runtime.calls import Calls
from sagaline._runtime.sagas import branches
from sagaline._runtime.sagas.scopes import Scope
from sagaline._runtime.steps import Step, Undo, undo_of
from sagaline.errors import SagalineError

_encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(tuple[Undo, ...]).decode


async def settle(calls: Calls, scope: Scope, after: int = 0) -> list[Step]:
    """The steps of a scope that are to be undone, oldest first, as soon as the outcome of all of them is known: before
    that they could be undone before they happen. ``after``: only those behind this step."""
    for step in calls.table.undoable(scope, after):
        await branches.settled(calls, step)
    return calls.table.undoable(scope, after)


async def carry(calls: Calls, scope: Scope) -> None:
    """The run continues as new. A step whose outcome is not known yet is waited for, and no other task goes on then.
    Raises SagalineError when it is too much; CancelledError when the run is cancelled meanwhile: it rolls back."""
    if any(step.outcome is None for step in calls.table.undoable(scope)):
        await branches.stop(calls, scope)
    own = await settle(calls, scope)
    ledger = [*calls.table.inherited, *(undo_of(step, calls.run.run_of(step.number)) for step in own)]
    if not ledger:
        return
    payload = _encode(ledger)
    size, most = calls.setup.sealed_size(payload), calls.setup.carried_bytes
    if len(ledger) > limits.CARRIED_STEPS or size > most:
        raise SagalineError(
            f"Expected a saga that continues as new to have at most {limits.CARRIED_STEPS:,} steps to undo, with "
            f"{most:,} bytes of arguments, but it has {len(ledger):,} with {size:,}. Do the steps in child sagas, or "
            f"give them references instead of data."
        )
    calls.table.carried = len(ledger), payload
