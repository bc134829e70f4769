"""The saga: debit, then credit: nobody has money that is not there. What fails is undone, newest first."""

from __future__ import annotations

from sagaline import saga

from .activities import credit, debit
from .models import Transfer


@saga(strict=True)
async def transfer_money(transfer: Transfer) -> None:
    """Moves the money, or leaves it where it was."""
    await debit(transfer)
    await credit(transfer)
