"""Tails the embedded log: one thread that sees writes of this process at once, and of others within milliseconds."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable

from sagaline._log.port import Record
from sagaline._log.threads import Gate, call

_BUSY_POLL_S = 0.001
_IDLE_POLL_S = 0.01
_BUSY_FOR_S = 1.0
_MOST = 500


class SqliteReader:
    """Polls the file's data version, which changes with every commit of another connection."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        namespace: str,
        written: threading.Event,
        loop: asyncio.AbstractEventLoop,
        sink: Callable[[list[Record]], None],
    ) -> None:
        self._connection, self._namespace, self._written = connection, namespace, written
        self._loop, self._sink = loop, sink
        self._next: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        self._changed = True
        self._gate = Gate()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sagaline-reader", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        version, busy_until = -1, 0.0
        while not self._stopped.is_set():
            found = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if found == version and not self._changed:
                self._written.wait(_BUSY_POLL_S if time.monotonic() < busy_until else _IDLE_POLL_S)
                self._written.clear()
                continue
            version, self._changed = found, False
            records = self._read()
            if records:
                busy_until = time.monotonic() + _BUSY_FOR_S
                self._changed = len(records) >= _MOST
                if self._gate.enter(self._stopped):
                    call(self._loop, self._deliver, records)
        self._connection.close()

    def _read(self) -> list[Record]:
        records: list[Record] = []
        with self._lock:
            places = list(self._next.items())
        for (topic, partition), start in places:
            rows = self._connection.execute(
                "SELECT offset, key, value FROM record WHERE namespace = ? AND topic = ? AND partition = ? "
                "AND offset >= ? ORDER BY offset LIMIT ?",
                (self._namespace, topic, partition, start, _MOST),
            ).fetchall()
            if rows:
                records += [Record(topic, partition, *row) for row in rows]
                with self._lock:
                    if self._next.get((topic, partition)) == start:  # else it was taken away or moved
                        self._next[topic, partition] = rows[-1][0] + 1
        return records

    def _deliver(self, records: list[Record]) -> None:
        try:
            self._sink(records)
        finally:
            self._gate.leave()

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
        self._stopped.set()
        await asyncio.to_thread(self._thread.join, 5)
