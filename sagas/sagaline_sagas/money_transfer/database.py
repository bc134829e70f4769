"""The database of a bank: a file of SQLite, or PostgreSQL. The bank's SQL is the same for both."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Protocol

from sagaline import ConfigurationError


class Cursor(Protocol):
    """What a statement has done."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


Execute = Callable[..., Cursor]
"""Runs a statement: its text with a ``?`` for each parameter, and the parameters."""


class Database(Protocol):
    """Contract:

    - ``transaction()`` begins one. It is committed, and survives a crash, when the block is left, and rolled back when
      an error leaves it. An error of the commit says nothing about what it has done.
    - A statement sees what others had committed before it, and waits for a row that another transaction has written.
    """

    def transaction(self) -> AbstractContextManager[Execute]: ...


def open_database(url: str) -> Database:
    """The database of ``sqlite:///FILE`` or ``postgresql://...``. Raises ConfigurationError."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return SQLite(rest.removeprefix("/"))
    if scheme == "postgresql":
        from .postgresql import PostgreSQL

        return PostgreSQL(url)
    raise ConfigurationError(f"Expected a bank's database to be sqlite:///FILE or postgresql://... but got {url!r}.")


class SQLite:
    """A connection a transaction; who writes has the file for itself."""

    def __init__(self, path: str) -> None:
        self._path = path

    @contextmanager
    def transaction(self) -> Generator[Execute]:
        """One transaction."""
        with closing(sqlite3.connect(self._path, timeout=5, isolation_level=None)) as connection:

            def execute(sql: str, *parameters: Any) -> Cursor:
                return connection.execute(sql, parameters)

            execute("PRAGMA synchronous = FULL")
            execute("BEGIN IMMEDIATE")
            try:
                yield execute
                execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    execute("ROLLBACK")
                raise
