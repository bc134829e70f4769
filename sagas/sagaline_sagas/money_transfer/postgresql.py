"""PostgreSQL as the database of a bank; it needs ``pip install 'sagaline[postgresql]'``."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg

from .database import Cursor, Execute

_SETTINGS = "-c statement_timeout=5s -c idle_in_transaction_session_timeout=5s"
"""A worker that hangs in a transaction holds up nobody for long, nor does a server that hangs hold up a worker."""


class PostgreSQL:
    """A connection a transaction, so none is old when the server was away. Where that is too dear, put a
    ``psycopg_pool.ConnectionPool`` with ``check=ConnectionPool.check_connection`` in its place."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def transaction(self) -> Generator[Execute]:
        """One transaction, READ COMMITTED."""
        with psycopg.connect(self._url, connect_timeout=5, tcp_user_timeout=5_000, options=_SETTINGS) as connection:

            def execute(sql: str, *parameters: Any) -> Cursor:
                return connection.execute(sql.replace("?", "%s").encode(), parameters)

            yield execute
