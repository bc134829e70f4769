"""The bank. Here it is a dictionary; put your service in its place, and have it refuse fencing tokens that are old."""

from __future__ import annotations

from collections import Counter

from sagaline import ActivityInfo, ApplicationError, activity

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


class Accounts:
    """What is on each account, what has been done under which key, and the newest token that each account has seen."""

    def __init__(self) -> None:
        self.cents: Counter[str] = Counter()
        self.closed: set[str] = set()
        self.tokens: Counter[str] = Counter()
        self.done: set[str] = set()

    def move(self, info: ActivityInfo, account: str, cents: int, token: int) -> None:
        """Once for a key, and under the newest token of the account or a newer one."""
        if info.idempotency_key in self.done:
            return
        if token < self.tokens[account]:
            raise StaleToken(f"{account} was held under {self.tokens[account]} since")
        if self.cents[account] + cents < 0:
            raise InsufficientFunds(f"{account} has {self.cents[account] / 100:.2f}")
        self.tokens[account] = token
        self.cents[account] += cents
        self.done.add(info.idempotency_key)


accounts = Accounts()


@activity(refusals=[InsufficientFunds, StaleToken])
async def withdraw(what: Transfer, token: int) -> None:
    """Takes the money from the source."""
    accounts.move(activity.info(), what.source, -what.cents, token)


@withdraw.compensation
async def take_back(what: Transfer, token: int) -> None:
    """Gives it back."""
    accounts.move(activity.info(), what.source, what.cents, token)


@activity(refusals=[AccountClosed, StaleToken])
async def deposit(what: Transfer, token: int) -> None:
    """Puts it on the target."""
    if what.target in accounts.closed:
        raise AccountClosed(what.target)
    accounts.move(activity.info(), what.target, what.cents, token)
