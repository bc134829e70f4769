"""A hundred transfers between two banks: ``python -m sagaline_sagas.money_transfer``.

The log and the banks are files of SQLite in a temporary folder, unless BANK_NORTH and BANK_SOUTH name databases.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Iterator

from sagaline import Client, RunError, Worker

from . import Account, Transfer, audit, bank_named, credit, debit, transfer_money
from .models import BankName

_BANKS: tuple[BankName, ...] = ("north", "south")
_NAMES = ("ann", "bob", "cid", "left")
_COUNT = 100


def _transfers() -> Iterator[Transfer]:
    """Back and forth; now and then more than there is, and to an account that is closed."""
    for number in range(_COUNT):
        source, target = _BANKS[number % 2], _BANKS[(number + 1) % 2]
        yield Transfer(
            id=f"transfer-{number}",
            source=Account(bank=source, id=_NAMES[number % 3]),
            target=Account(bank=target, id=_NAMES[number // 3 % 4]),
            cents=1_000_000 if number % 10 == 9 else 100 + number,
        )


async def main() -> int:
    """Runs them all at once, then looks whether the money is all there."""
    banks = [bank_named(name) for name in _BANKS]
    for one in banks:
        one.create_tables()
        for name in _NAMES:
            one.open(name, 100_000)
        one.set_closed("left")
    completed, undone = set[str](), set[str]()

    async def place(transfer: Transfer) -> None:
        try:
            await client.execute(transfer_money, transfer, id=transfer.id)
            completed.add(transfer.id)
        except RunError:
            undone.add(transfer.id)

    log = "sqlite:///log.db"
    async with Worker(log, workflows=[transfer_money], activities=[debit, credit]), await Client.connect(log) as client:
        await asyncio.gather(*map(place, _transfers()))
    wrong = audit(banks, completed, undone)
    total = sum(sum(one.accounts().values()) for one in banks)
    print(f"{len(completed)} transfers completed, {len(undone)} undone; {total / 100:,.2f} in both banks, as before")
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    logging.getLogger("sagaline").setLevel(logging.ERROR)  # a line for each that is undone
    with tempfile.TemporaryDirectory(prefix="two-banks-") as folder:
        os.chdir(folder)
        raise SystemExit(asyncio.run(main()))
