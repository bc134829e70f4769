"""Writes to the embedded log: one thread, one transaction for all that waits, one fsync."""

from __future__ import annotations

import asyncio
import contextlib
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
from sagaline._log.sizes import size_error
from sagaline._log.sqlite.connection import connect
from sagaline._log.threads import Mailbox, StepThread, attempt, tell_all
from sagaline._log.topics import HISTORY
from sagaline._model.limits import RECORD_LIMIT

_log = logging.getLogger("sagaline.sqlite")
_RECORDS_A_COMMIT = 2_000
_BYTES_A_COMMIT = 32_000_000
_CLOSE_S = 30.0


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
    """The only writer of a process. ``written`` is set after each commit, for the process's own readers.

    Contract: each append is told its fate once, whatever goes wrong; an error leaves it open whether it was written.
    """

    def __init__(self, path: Path, namespace: str, loop: asyncio.AbstractEventLoop) -> None:
        self._path, self._namespace = path, namespace
        self._connection: sqlite3.Connection | None = connect(path)
        self._queue: queue.SimpleQueue[Append | None] = queue.SimpleQueue()
        self._unanswered: list[Append] = []
        self.written = threading.Event()
        self.done: Mailbox[tuple[Callable[[str | None], None], str | None]] = Mailbox(loop, tell_all)
        self.mailboxes: list[Mailbox[Any]] = [self.done]
        self._thread = StepThread("sagaline-writer", self._step, self._recover, self._disconnect)
        self._thread.start()

    def put(self, append: Append) -> None:
        """Queues a record. Records are written in the order of the calls."""
        self._queue.put(append)

    def close(self) -> None:
        """Writes what is queued and stops."""
        self._queue.put(None)
        if not self._thread.join(_CLOSE_S):
            self._thread.stop()
            _log.error("Closing %s: its writer still waits for the disk after %g s", self._path, _CLOSE_S)

    def _step(self) -> None:
        append = self._queue.get()
        batch, size = self._unanswered, 0
        while append is not None:
            batch.append(append)
            size += len(append.value or b"")
            if self._queue.empty() or len(batch) >= _RECORDS_A_COMMIT or size >= _BYTES_A_COMMIT:
                break
            append = self._queue.get()
        if append is None:
            self._thread.stop()
        self._write()

    def _write(self) -> None:
        wanted: list[Append] = []
        for append in self._unanswered:
            if append.is_given_up is None or not append.is_given_up():
                wanted.append(append)
            else:
                _answer(append, -1, "its appender was given up")
        self._unanswered = wanted
        if wanted:
            offsets = self._commit(wanted)
            self._unanswered = []
            for append, offset in zip(wanted, offsets, strict=True):
                _answer(append, offset, None)
        self._flush()

    def _commit(self, appends: list[Append]) -> list[int]:
        if self._connection is None:
            self._connection = connect(self._path)
        self._connection.execute("BEGIN IMMEDIATE")
        offsets = self._insert(self._connection, appends)
        self._connection.execute("COMMIT")
        return offsets

    def _insert(self, connection: sqlite3.Connection, appends: list[Append]) -> list[int]:
        heads: dict[tuple[str, int], int] = {}
        rows: list[tuple[Any, ...]] = []
        now_ms = time.time_ns() // 1_000_000
        for append in appends:
            place = (append.topic, append.partition)
            offset = heads.get(place)
            if offset is None:
                offset = self._head(connection, *place)
            heads[place] = offset + 1
            headers = None if append.headers is None else msgspec.msgpack.encode(append.headers)
            rows.append((self._namespace, *place, offset, append.key, append.value, headers, now_ms))
        connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.executemany(
            "INSERT INTO head VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
            [(self._namespace, topic, partition, head) for (topic, partition), head in heads.items()],
        )
        return [row[3] for row in rows]

    def _head(self, connection: sqlite3.Connection, topic: str, partition: int) -> int:
        row = connection.execute(
            "SELECT next_offset FROM head WHERE namespace = ? AND topic = ? AND partition = ?",
            (self._namespace, topic, partition),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _recover(self, error: BaseException) -> None:
        """Whoever waits is told; the next step has a connection of its own, without what this one has begun."""
        unanswered, self._unanswered = self._unanswered, []
        self._disconnect()
        for append in unanswered:
            _answer(append, -1, f"{type(error).__name__}: {error}")
        self._flush()

    def _flush(self) -> None:
        self.written.set()
        for mailbox in tuple(self.mailboxes):
            mailbox.flush()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _answer(append: Append, offset: int, error: str | None) -> None:
    on_written = append.on_written
    if on_written is not None:
        attempt(lambda: on_written(offset, error), "Acknowledging a record")


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
        error = size_error(RECORD_LIMIT, key, value)
        self._failed = self._failed or error is not None

        def on_written(offset: int, given_up: str | None) -> None:
            self._failed = self._failed or given_up is not None  # in the writer's thread, before the next batch
            self._mailbox.put(Ack(token, offset, error or given_up))

        self._writer.put(Append(HISTORY, partition, key, value, None, on_written, lambda: self._failed))

    def close(self) -> None:
        self._failed = True
        if self._mailbox in self._writer.mailboxes:
            self._writer.mailboxes.remove(self._mailbox)
