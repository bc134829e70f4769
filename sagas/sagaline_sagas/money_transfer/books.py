"""Whether the money is all there: the books of the banks against each other, and against what became of transfers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Set

from .bank import OPENING, Bank, undo_of


def audit(banks: Iterable[Bank], completed: Set[str], undone: Set[str]) -> list[str]:
    """What is wrong. ``completed`` and ``undone`` are the ids of the transfers that have ended so."""
    wrong: list[str] = []
    standing: defaultdict[str, list[int]] = defaultdict(list)
    opened = on_accounts = 0
    for bank in banks:
        lines = bank.movements()
        booked = Counter[str]()
        by_key = {line.key: line.cents for line in lines}
        for line in lines:
            booked[line.account] += line.cents
            undo = by_key.get(undo_of(line.key))
            if undo is not None and undo != -line.cents:
                wrong.append(f"{line.cents} cents of {line.transfer} were undone by {undo} at {bank.name}")
            if line.transfer == OPENING:
                opened += line.cents
            elif undo is None and not line.is_undo:
                standing[line.transfer].append(line.cents)
        for account, cents in bank.accounts().items():
            on_accounts += cents
            if booked[account] != cents:
                wrong.append(f"{cents} cents are on {account} of {bank.name}, but {booked[account]} were booked")
    if on_accounts != opened:
        wrong.append(f"{opened} cents were paid in, but {on_accounts} are on the accounts")
    for transfer in sorted({*standing, *completed}):
        moved = standing[transfer]
        if transfer not in completed:
            how = "was undone" if transfer in undone else "has not ended"
            wrong.append(f"{transfer} {how}, but {moved} stand")
        elif len(moved) != 2 or sum(moved) != 0:
            wrong.append(f"{transfer} completed, but {moved} stand")
    return wrong
