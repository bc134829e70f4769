"""Money from an account of one bank to an account of another, each bank with a database of its own."""

from .activities import bank_named, credit, debit, refund, take_back
from .bank import AccountClosed, Bank, InsufficientFunds, NoSuchAccount, UndoneBefore
from .books import audit
from .models import Account, Transfer
from .saga import transfer_money

__all__ = [
    "Account",
    "AccountClosed",
    "Bank",
    "InsufficientFunds",
    "NoSuchAccount",
    "Transfer",
    "UndoneBefore",
    "audit",
    "bank_named",
    "credit",
    "debit",
    "refund",
    "take_back",
    "transfer_money",
]
