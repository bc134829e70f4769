"""A bank: accounts, and a ledger of movements to which lines are only added. The participant of the saga.

It does what every participant has to do: the key of a movement is booked in the transaction that changes the balance,
so a repeat changes nothing; and what is undone leaves a line too, so that an attempt that comes after its undo, having
been on the way for long, changes nothing either.
"""

from __future__ import annotations

from typing import NamedTuple

from sagaline import ApplicationError

from .database import Database, Execute

_TABLES = (
    "CREATE TABLE account (id TEXT PRIMARY KEY, cents BIGINT NOT NULL CHECK (cents >= 0), closed BOOLEAN NOT NULL)",
    "CREATE TABLE movement "
    "(key TEXT PRIMARY KEY, transfer TEXT NOT NULL, account TEXT NOT NULL, cents BIGINT NOT NULL)",
)
OPENING = "opening"
_UNDO = "/undo"


class InsufficientFunds(ApplicationError):
    """There is not as much on the account."""

    retryable = False


class AccountClosed(ApplicationError):
    """Nothing is booked on it any more."""

    retryable = False


class NoSuchAccount(ApplicationError):
    """Nobody has it."""

    retryable = False


class UndoneBefore(ApplicationError):
    """This was undone under the same key: it is not done again."""

    retryable = False


class Movement(NamedTuple):
    """A line of the ledger."""

    key: str
    transfer: str
    account: str
    cents: int

    @property
    def is_undo(self) -> bool:
        """Whether it takes another one back."""
        return self.key.endswith(_UNDO)


def undo_of(key: str) -> str:
    """The key of the line that takes a line back."""
    return key + _UNDO


class Bank:
    """The bank's own operations; each is one transaction of its database."""

    def __init__(self, name: str, database: Database) -> None:
        self.name, self._database = name, database

    # What the saga asks for

    def book(self, key: str, transfer: str, account: str, cents: int) -> None:
        """Books a movement, once for a key. Raises what is above."""
        with self._database.transaction() as execute:
            if _add(execute, key, transfer, account, cents):
                _change(execute, account, cents)
            elif execute("SELECT 1 FROM movement WHERE key = ?", undo_of(key)).fetchone():
                raise UndoneBefore(f"{transfer} was undone at {self.name}")

    def undo(self, key: str, transfer: str, account: str) -> None:
        """Undoes the movement of a key, once. If there is none its key is taken, so that there never will be one."""
        with self._database.transaction() as execute:
            was_done = not _add(execute, key, transfer, account, 0)
            (cents,) = execute("SELECT cents FROM movement WHERE key = ?", key).fetchone() or (0,)
            if _add(execute, undo_of(key), transfer, account, -cents) and was_done:
                _change(execute, account, -cents)

    # What its customers and its clerks do

    def create_tables(self) -> None:
        """Before the first day."""
        with self._database.transaction() as execute:
            for table in _TABLES:
                execute(table)

    def open(self, account: str, cents: int) -> None:
        """A new account with a first deposit."""
        with self._database.transaction() as execute:
            execute("INSERT INTO account VALUES (?, ?, FALSE)", account, cents)
            _add(execute, f"{OPENING}/{account}", OPENING, account, cents)

    def set_closed(self, account: str, closed: bool = True) -> None:
        """A customer leaves, or comes back."""
        with self._database.transaction() as execute:
            execute("UPDATE account SET closed = ? WHERE id = ?", closed, account)

    # Its books

    def accounts(self) -> dict[str, int]:
        """What is on each account."""
        with self._database.transaction() as execute:
            return dict(execute("SELECT id, cents FROM account").fetchall())

    def movements(self) -> list[Movement]:
        """All lines of the ledger."""
        with self._database.transaction() as execute:
            lines = execute("SELECT key, transfer, account, cents FROM movement").fetchall()
        return [Movement(*line) for line in lines]


def _add(execute: Execute, key: str, transfer: str, account: str, cents: int) -> bool:
    """A line in the ledger; False when the key has one. Who comes with the same key meanwhile waits for this one."""
    line = "INSERT INTO movement VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
    return execute(line, key, transfer, account, cents).rowcount == 1


def _change(execute: Execute, account: str, cents: int) -> None:
    """The balance, if that may be. Raises AccountClosed, InsufficientFunds, NoSuchAccount, which roll back the line."""
    change = "UPDATE account SET cents = cents + ? WHERE id = ? AND NOT closed AND cents + ? >= 0"
    if execute(change, cents, account, cents).rowcount == 1:
        return
    row = execute("SELECT closed, cents FROM account WHERE id = ?", account).fetchone()
    if row is None:
        raise NoSuchAccount(account)
    if row[0]:
        raise AccountClosed(account)
    raise InsufficientFunds(f"{account} has {row[1] / 100:.2f}, {-cents / 100:.2f} were asked for")
