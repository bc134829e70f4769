"""The steps and what undoes them. Each hands its idempotency key to the bank, which books a movement once for a key."""

from __future__ import annotations

import os
from functools import cache

from sagaline import Retry, activity

from .bank import AccountClosed, Bank, InsufficientFunds, NoSuchAccount, UndoneBefore
from .database import open_database
from .models import BankName, Transfer

_A_WHILE = Retry(attempts=5, first_interval="100ms", maximum_interval="1s")
_UNTIL_IT_IS_DONE = Retry(attempts=0, first_interval="100ms", maximum_interval="2s")


@cache
def bank_named(name: BankName) -> Bank:
    """A bank, with the database that BANK_NORTH or BANK_SOUTH names: by default a file of SQLite in this folder."""
    return Bank(name, open_database(os.environ.get(f"BANK_{name.upper()}", f"sqlite:///{name}.db")))


@activity(timeout="10s", retry=_A_WHILE, refusals=(InsufficientFunds, AccountClosed, NoSuchAccount, UndoneBefore))
def debit(transfer: Transfer) -> None:
    """Takes the money from the source. If the bank does not answer for a while, the transfer is given up."""
    source = transfer.source
    bank_named(source.bank).book(activity.info().idempotency_key, transfer.id, source.id, -transfer.cents)


@debit.compensation(timeout="10s", retry=_UNTIL_IT_IS_DONE)
def refund(transfer: Transfer) -> None:
    """Gives it back, if it was taken. If the account was closed meanwhile, the transfer waits for a person."""
    bank_named(transfer.source.bank).undo(_key_of_step(), transfer.id, transfer.source.id)


@activity(timeout="10s", retry=_UNTIL_IT_IS_DONE, refusals=(AccountClosed, NoSuchAccount, UndoneBefore))
def credit(transfer: Transfer) -> None:
    """Puts it on the target: tried until the bank has done it, or has said no."""
    target = transfer.target
    bank_named(target.bank).book(activity.info().idempotency_key, transfer.id, target.id, transfer.cents)


@credit.compensation(timeout="10s", retry=_UNTIL_IT_IS_DONE)
def take_back(transfer: Transfer) -> None:
    """Takes it back, if it was given. If it was spent meanwhile, the transfer waits for a person."""
    bank_named(transfer.target.bank).undo(_key_of_step(), transfer.id, transfer.target.id)


def _key_of_step() -> str:
    """The key under which the step that is undone was booked. Whether it was, the bank looks up: a step that timed
    out, or whose worker was killed, may have been done, or not, or may be on its way."""
    step = activity.info().compensates
    if step is None:
        raise RuntimeError("Expected to undo a step but was called as one.")
    return step.idempotency_key
