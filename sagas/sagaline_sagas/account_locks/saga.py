"""The transfer: both accounts are held until it has ended, so nobody sees money that is on its way back."""

from __future__ import annotations

from sagaline import saga, workflow

from .activities import deposit, withdraw
from .models import Receipt, Transfer


@saga(strict=True)
async def transfer(what: Transfer) -> Receipt:
    """Moves the money. Two transfers the opposite way may wait for each other: the younger one is refused
    (``DeadlockError``), undoes what it has done, and may be tried again."""
    async with workflow.lock(f"account-{what.source}") as source:
        await withdraw(what, source.fencing_token)
        await workflow.sleep("1s")  # the other bank is slow
        async with workflow.lock(f"account-{what.target}") as target:
            await deposit(what, target.fencing_token)
            return Receipt(id=what.id, tokens=(source.fencing_token, target.fencing_token))
