"""Transfers between accounts that others move money on too: each holds both of its accounts until it has ended."""

from .activities import AccountClosed, InsufficientFunds, Line, accounts, cancel_deposit, deposit, take_back, withdraw
from .models import Receipt, Transfer
from .saga import transfer

__all__ = [
    "AccountClosed",
    "InsufficientFunds",
    "Line",
    "Receipt",
    "Transfer",
    "accounts",
    "cancel_deposit",
    "deposit",
    "take_back",
    "transfer",
    "withdraw",
]
