"""Transfers in a circle, and back: ``python -m sagaline_sagas.account_locks``."""

from __future__ import annotations

import asyncio

from sagaline import RunError
from sagaline.testing import Environment

from . import Line, Transfer, accounts, deposit, transfer, withdraw

_PLACES = ["a", "b", "c"]


async def main() -> None:
    """Three accounts, thirty transfers at once; whoever gives way to a deadlock is tried again."""
    for place in _PLACES:
        accounts.book(f"opening {place}", Line(place, 100_000, 0))
    async with Environment(workflows=[transfer], activities=[withdraw, deposit]) as env:
        refused = 0

        async def one(number: int) -> None:
            nonlocal refused
            source, target = _PLACES[number % 3], _PLACES[(number + 1 + number % 2) % 3]
            for attempt in range(100):
                what = Transfer(id=f"{number}-{attempt}", source=source, target=target, cents=100)
                try:
                    await env.client.execute(transfer, what, id=f"transfer-{what.id}")
                    return
                except RunError as error:
                    if error.failure.type != "DeadlockError":
                        raise
                    refused += 1

        await asyncio.gather(*(one(number) for number in range(30)))
        print(f"30 transfers done, {refused} tried again, {accounts.cents.total() / 100:.2f} on the accounts")
        print(*accounts.audit(), sep="\n", end="")


if __name__ == "__main__":
    asyncio.run(main())
