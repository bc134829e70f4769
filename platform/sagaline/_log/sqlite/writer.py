"""Writes to the embedded log: one thread, one transaction for all that waits, one fsync."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sagaline._log.port import Ack
from sagaline._log.threads import Mailbox
from sagaline._log.topics import HISTORY

_log = logging.getLogger("sagaline.sqlite")
_MOST = 2_000


class Append(NamedTuple):
    """A record to be written; ``on_written`` gets its offset, or an error, in the writer's thread."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: dict[str, bytes] | None
    on_written: Callable[[int, str | None], None] | None
    is_given_up: Callable[[], bool] | None = None  # then it is not written, whoever asked for it will not wait


class SqliteWriter:
    """The only writer of a process. ``written`` is set after each commit, for the process's own readers."""

    def __init__(self, path: Path, namespace: str, loop: asyncio.AbstractEventLoop) -> None:
        from sagaline._log.sqlite.log import connect

        self._connection = connect(path)
        self._namespace = namespace
        self._queue: queue.SimpleQueue[Append | None] = queue.SimpleQueue()
        self.written = threading.Event()
        self.done: Mailbox[tuple[Callable[[str | None], None], str | None]] = Mailbox(loop, _call_all)
        self.mailboxes: list[Mailbox[Any]] = [self.done]
        self._thread = threading.Thread(target=self._run, name="sagaline-writer", daemon=True)
        self._thread.start()

    def put(self, append: Append) -> None:
        """Queues a record. Records are written in the order of the calls."""
        self._queue.put(append)

    def close(self) -> None:
        """Writes what is queued and stops."""
        self._queue.put(None)
        self._thread.join(30)
        self._connection.close()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch = [self._queue.get()]
            while not self._queue.empty() and len(batch) < _MOST:
                batch.append(self._queue.get())
            stopping = None in batch
            self._write([one for one in batch if one is not None])

    def _write(self, batch: list[Append]) -> None:
        appends: list[Append] = []
        for one in batch:
            if one.is_given_up is None or not one.is_given_up():
                appends.append(one)
            elif one.on_written is not None:
                one.on_written(-1, "its appender was given up")
        if appends:
            self._commit(appends)
        for mailbox in self.mailboxes:
            mailbox.flush()

    def _commit(self, appends: list[Append]) -> None:
        error: str | None = None
        offsets: list[int] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            offsets = self._insert(appends)
            self._connection.execute("COMMIT")
        except sqlite3.Error as failed:
            error = str(failed)
            _log.warning("Writing %d records: %s", len(appends), error)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self.written.set()
        for number, append in enumerate(appends):
            if append.on_written is not None:
                append.on_written(-1 if error else offsets[number], error)

    def _insert(self, appends: list[Append]) -> list[int]:
        heads: dict[tuple[str, int], int] = {}
        rows: list[tuple[Any, ...]] = []
        now_ms = time.time_ns() // 1_000_000
        for append in appends:
            place = (append.topic, append.partition)
            offset = heads.get(place)
            if offset is None:
                offset = self._head(*place)
            heads[place] = offset + 1
            headers = None if append.headers is None else msgspec.msgpack.encode(append.headers)
            rows.append((self._namespace, *place, offset, append.key, append.value, headers, now_ms))
        self._connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.executemany(
            "INSERT INTO head VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
            [(self._namespace, topic, partition, head) for (topic, partition), head in heads.items()],
        )
        return [row[3] for row in rows]

    def _head(self, topic: str, partition: int) -> int:
        found = self._connection.execute(
            "SELECT next_offset FROM head WHERE namespace = ? AND topic = ? AND partition = ?",
            (self._namespace, topic, partition),
        ).fetchone()
        return 0 if found is None else int(found[0])


class SqliteAppender:
    """Appends to history; acknowledged when the transaction is on disk."""

    def __init__(
        self, writer: SqliteWriter, loop: asyncio.AbstractEventLoop, on_acks: Callable[[list[Ack]], None]
    ) -> None:
        self._writer = writer
        self._failed = False
        self._mailbox: Mailbox[Ack] = Mailbox(loop, on_acks)
        writer.mailboxes.append(self._mailbox)

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        def on_written(offset: int, error: str | None) -> None:
            self._failed = self._failed or error is not None  # in the writer's thread, before the next batch
            self._mailbox.put(Ack(token, offset, error))

        self._writer.put(Append(HISTORY, partition, key, value, None, on_written, lambda: self._failed))

    def close(self) -> None:
        if self._mailbox in self._writer.mailboxes:
            self._writer.mailboxes.remove(self._mailbox)


def _call_all(done: list[tuple[Callable[[str | None], None], str | None]]) -> None:
    for on_done, error in done:
        on_done(error)
