"""Where partitions of the embedded log begin and end, and what is between: looked up and read from threads, once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path

from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Record
from sagaline._log.sqlite.connection import connect, read_records
from sagaline.errors import LogUnavailable

_RECORDS_A_BATCH = 1_000


class SqliteRanges:
    """A connection that reads; used from any thread, by one at a time. Raises LogUnavailable.

    A statement sees the file as it was when the connection's oldest unfinished statement began: threads that share a
    connection without waiting for each other would be shown a log without what has been acknowledged meanwhile.
    """

    def __init__(self, path: Path, namespace: str) -> None:
        self._path, self._namespace = path, namespace
        self._connection = connect(path)
        self._lock = threading.Lock()

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset that is there, and the next to be written."""
        place = (self._namespace, topic, partition)
        where = "WHERE namespace = ? AND topic = ? AND partition = ?"
        with self._reading() as connection:
            head = connection.execute(f"SELECT next_offset FROM head {where}", place).fetchone()
            if head is None:
                return 0, 0
            low = connection.execute(f"SELECT min(offset) FROM record {where}", place).fetchone()[0]
            return (head[0] if low is None else low), head[0]

    async def read(
        self, calls: BlockingCalls, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[list[Record]]:
        """The records from ``start`` up to, not including, ``end``, in batches."""
        position = start
        while position < end:
            records = await calls.run(self._batch, topic, partition, position, end)
            if not records:
                return
            yield records
            position = records[-1].offset + 1

    def _batch(self, topic: str, partition: int, start: int, end: int) -> list[Record]:
        with self._reading() as connection:
            return read_records(connection, (self._namespace, topic, partition), start, end, _RECORDS_A_BATCH)

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection, None, None]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise LogUnavailable(f"Expected {self._path} to be readable but {error}.") from error

    def close(self) -> None:
        """Disconnects."""
        self._connection.close()
