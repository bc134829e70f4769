"""The bank. Here it is a dictionary; put your service in its place, and have it refuse fencing tokens that are old.

What it does about keys, undos and unknown outcomes is told in the example of the money transfer.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sagaline import ApplicationError, activity

from .models import Transfer


class InsufficientFunds(ApplicationError):
    """There is not as much on the account."""

    retryable = False


class AccountClosed(ApplicationError):
    """Nothing can be paid in."""

    retryable = False


class StaleToken(ApplicationError):
    """Somebody has held the account since: whoever comes with this token has lost its lock."""

    retryable = False


class UndoneBefore(ApplicationError):
    """This was undone under the same key: it is not done again."""

    retryable = False


class Line(NamedTuple):
    """A movement, and the token of who held the account."""

    account: str
    cents: int
    token: int


class Accounts:
    """What is on each account, what has been booked under which key, and the newest token that each has seen."""

    def __init__(self) -> None:
        self.cents: Counter[str] = Counter()
        self.closed: set[str] = set()
        self.tokens: Counter[str] = Counter()
        self.lines: dict[str, Line] = {}

    def book(self, key: str, line: Line) -> None:
        """Once for a key, and under the newest token of the account or a newer one."""
        if _undo_of(key) in self.lines:
            raise UndoneBefore(f"{line.cents / 100:.2f} on {line.account}")
        if key in self.lines:
            return
        account, cents, token = line
        if token < self.tokens[account]:
            raise StaleToken(f"{account} was held under {self.tokens[account]} since")
        if self.cents[account] + cents < 0:
            raise InsufficientFunds(f"{account} has {self.cents[account] / 100:.2f}")
        self.tokens[account] = token
        self.cents[account] += cents
        self.lines[key] = line

    def undo(self, account: str, token: int) -> None:
        """Undoes what was booked under the key of the step, if it was; if not, it will not be any more."""
        step = activity.info().compensates
        if step is None:
            raise RuntimeError("Expected to undo a step but was called as one.")
        booked = self.lines.setdefault(step.idempotency_key, Line(account, 0, token))
        self.book(_undo_of(step.idempotency_key), Line(account, -booked.cents, token))

    def audit(self) -> list[str]:
        """Whether each balance is what was booked, and nobody has moved money on an account that another one held."""
        wrong: list[str] = []
        booked, newest = Counter[str](), Counter[str]()
        for account, cents, token in self.lines.values():
            booked[account] += cents
            if token < newest[account]:
                wrong.append(f"{account}: {cents} under token {token} behind {newest[account]}")
            newest[account] = token
        wrong += [
            f"{name}: {self.cents[name]}, but {booked[name]} booked"
            for name in booked
            if booked[name] != self.cents[name]
        ]
        return wrong


def _undo_of(key: str) -> str:
    return f"{key}/undo"


accounts = Accounts()


@activity(refusals=[InsufficientFunds, StaleToken, UndoneBefore])
async def withdraw(what: Transfer, token: int) -> None:
    """Takes the money from the source."""
    accounts.book(activity.info().idempotency_key, Line(what.source, -what.cents, token))


@withdraw.compensation
async def take_back(what: Transfer, token: int) -> None:
    """Gives it back to the source."""
    accounts.undo(what.source, token)


@activity(refusals=[AccountClosed, StaleToken, UndoneBefore])
async def deposit(what: Transfer, token: int) -> None:
    """Puts it on the target."""
    if what.target in accounts.closed:
        raise AccountClosed(what.target)
    accounts.book(activity.info().idempotency_key, Line(what.target, what.cents, token))


@deposit.compensation
async def cancel_deposit(what: Transfer, token: int) -> None:
    """Takes it from the target again, which is still held, so nobody has spent it."""
    accounts.undo(what.target, token)
