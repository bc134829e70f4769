"""The SQLite file of the embedded log: how it is opened, and what is in it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sagaline._log.port import Record
from sagaline.errors import LogUnavailable

BATCH_BYTES = 4_000_000
"""What is read at once, give or take a record."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS namespace (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, identity TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS head (
    namespace TEXT, topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL,
    PRIMARY KEY (namespace, topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
    namespace TEXT, topic TEXT, partition INTEGER, offset INTEGER,
    key BLOB, value BLOB, headers BLOB, at_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, topic, partition, offset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS committed (
    namespace TEXT, topic TEXT, partition INTEGER, offset INTEGER NOT NULL, metadata TEXT NOT NULL,
    PRIMARY KEY (namespace, topic, partition)
) WITHOUT ROWID;
"""


_BUSY_S = 30
"""How long a lock of the file is waited for."""


def connect(path: Path, create: bool = False) -> sqlite3.Connection:
    """A connection as all threads here use it. Raises LogUnavailable.

    Only with ``create`` is a file or a table made; without it a file that is no log stays as it is.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        if create:
            _make_wal(connection)
            connection.executescript(_SCHEMA)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise LogUnavailable(f"Expected a log in the SQLite file {path} but it cannot be used: {error}.") from error
    return connection


def _make_wal(connection: sqlite3.Connection) -> None:
    """It is a property of the file. Two processes that make it at the same time are refused at once, whatever the time
    that a connection waits for locks."""
    deadline_s = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)


def read_records(
    connection: sqlite3.Connection, place: tuple[str, str, int], start: int, end: int, most: int
) -> list[Record]:
    """Records of a partition from ``start`` up to, not including, ``end``; at most ``most``, and not many megabytes."""
    _, topic, partition = place
    records: list[Record] = []
    size = 0
    rows = connection.execute(
        "SELECT offset, key, value FROM record WHERE namespace = ? AND topic = ? AND partition = ? "
        "AND offset >= ? AND offset < ? ORDER BY offset LIMIT ?",
        (*place, start, end, most),
    )
    for offset, key, value in rows:
        records.append(Record(topic, partition, offset, key, value))
        size += len(value or b"")
        if size > BATCH_BYTES:
            break
    rows.close()
    return records
