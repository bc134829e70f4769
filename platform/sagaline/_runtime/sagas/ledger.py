"""The ledger: what a saga may have to undo. When it continues as new that goes along, for the next run's rollback."""

from __future__ import annotations

import msgspec

from sagaline._model import limits
from sagaline._runtime.calls import Calls
from sagaline._runtime.sagas import branches
from sagaline._runtime.steps import Undo, undo_of
from sagaline.errors import SagalineError

_encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(tuple[Undo, ...]).decode


async def settle(calls: Calls) -> list[Undo]:
    """What is to be undone, oldest first, as soon as the outcome of all of it is known: before that it could be undone
    before it happens."""
    for step in calls.table.undoable():
        await branches.settled(calls, step)
    own = [undo_of(step, calls.run.run_of(step.number)) for step in calls.table.undoable()]
    return [*calls.table.inherited, *own]


async def carry(calls: Calls) -> None:
    """The run continues as new. A step whose outcome is not known yet is waited for, and no other task goes on then.
    Raises SagalineError when it is too much; CancelledError when the run is cancelled meanwhile: it rolls back."""
    if any(step.outcome is None for step in calls.table.undoable()):
        await branches.stop(calls)
    ledger = await settle(calls)
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
