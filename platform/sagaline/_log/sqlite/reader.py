"""Tails the embedded log: one thread that sees writes of this process at once, and of others within milliseconds."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Record
from sagaline._log.sqlite.connection import BATCH_BYTES, connect, read_records
from sagaline._log.threads import Gate, StepThread, call

_BUSY_POLL_S = 0.001
_IDLE_POLL_S = 0.01
_BUSY_FOR_S = 1.0
_RECORDS_A_PARTITION = 500
_BYTES_A_BATCH = 16_000_000
_NO_END = 2**63 - 1
_CLOSE_S = 5.0
_Place = tuple[str, int]


class SqliteReader:
    """Polls the file's data version, which changes with every commit of another connection.

    Contract: a partition's next offset moves when its records are handed to the loop, not before: whatever goes wrong
    until then, they are read again.
    """

    def __init__(
        self,
        path: Path,
        namespace: str,
        written: threading.Event,
        loop: asyncio.AbstractEventLoop,
        sink: Callable[[list[Record]], None],
        calls: BlockingCalls,
    ) -> None:
        self._path, self._namespace, self._written = path, namespace, written
        self._loop, self._sink, self._calls = loop, sink, calls
        self._connection: sqlite3.Connection | None = None
        self._next: dict[_Place, int] = {}
        self._lock = threading.Lock()
        self._changed = True
        self._turn = 0
        self._version = -1
        self._busy_until = 0.0
        self._gate = Gate()
        self._thread = StepThread("sagaline-reader", self._step, self._recover, self._disconnect)
        self._thread.start()

    def _step(self) -> None:
        if self._connection is None:
            self._connection = connect(self._path)
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version and not self._changed:
            self._written.wait(_BUSY_POLL_S if time.monotonic() < self._busy_until else _IDLE_POLL_S)
            self._written.clear()
            return
        self._version, self._changed = version, False
        batches, more = self._read(self._connection)
        if batches:
            self._busy_until = time.monotonic() + _BUSY_FOR_S
            self._changed = self._changed or more
            if self._gate.enter(self._thread.stopped):
                self._hand_over(batches)

    def _read(self, connection: sqlite3.Connection) -> tuple[dict[_Place, tuple[int, list[Record]]], bool]:
        """By partition: where reading began, and the records; and whether there may be more."""
        batches: dict[_Place, tuple[int, list[Record]]] = {}
        more, size = False, 0
        with self._lock:
            starts = list(self._next.items())
        first = self._turn % max(1, len(starts))  # each partition is the first in its turn, for the bytes may run out
        for (topic, partition), start in starts[first:] + starts[:first]:
            place = (self._namespace, topic, partition)
            records = read_records(connection, place, start, _NO_END, _RECORDS_A_PARTITION)
            if records:
                batches[topic, partition] = (start, records)
                taken = sum(len(record.value or b"") for record in records)
                more = more or len(records) == _RECORDS_A_PARTITION or taken > BATCH_BYTES
                size += taken
            if size > _BYTES_A_BATCH:
                more = True
                break
        self._turn += 1
        return batches, more

    def _hand_over(self, batches: dict[_Place, tuple[int, list[Record]]]) -> None:
        records: list[Record] = []
        with self._lock:
            for place, (start, batch) in batches.items():
                if self._next.get(place) == start:  # else it was removed or moved meanwhile
                    self._next[place] = batch[-1].offset + 1
                    records += batch
        call(self._loop, self._deliver, records)

    def _deliver(self, records: list[Record]) -> None:
        try:
            self._sink(records)
        finally:
            self._gate.leave()

    def _recover(self, error: BaseException) -> None:
        """The next step reads everything with a connection of its own."""
        self._disconnect()
        self._version, self._changed = -1, True

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def add(self, topic: str, partition: int, offset: int) -> None:
        with self._lock:
            self._next[topic, partition] = offset
        self._changed = True

    def remove(self, topic: str, partition: int) -> None:
        with self._lock:
            self._next.pop((topic, partition), None)

    def pause(self) -> None:
        self._gate.pause()

    def resume(self) -> None:
        self._gate.resume()

    async def close(self) -> None:
        self._thread.stop()
        self._gate.resume()
        await self._calls.run(self._thread.join, _CLOSE_S)
