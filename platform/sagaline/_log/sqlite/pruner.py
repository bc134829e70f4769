"""Deletes what nobody needs any more from the embedded log, a few records at a time and in a thread of its own.

What the brokers of Kafka do by time and by compaction: records of topics with a retention go when they are old; in
history a record goes when its key has a tombstone behind it, and the tombstone some days later. No transaction holds
the file for longer than a few hundred deletions, and after each one the writers have their turn.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sagaline._log.sqlite.connection import connect
from sagaline._log.threads import StepThread
from sagaline._log.topics import HISTORY, TOPICS, queue_specs

_log = logging.getLogger("sagaline.sqlite")
PRUNE_EVERY_S = 60.0
_DELETED_A_TRANSACTION = 200
_SCANNED_A_QUERY = 1_000
_KEYS_A_PASS = 50_000
_TOMBSTONES_WORTH_A_PASS = 1_000
_PASS_EVERY_S = 3_600.0
_TURN_S = 0.01  # the least time between two transactions: SQLite's locks are not fair
_MARGIN = 2  # tombstones stay for twice as long as the log says
KEPT_MS = {spec.name: int(spec.defaults["retention.ms"]) for spec in TOPICS if "retention.ms" in spec.defaults}
TOMBSTONES_KEPT_MS = next(int(spec.defaults["delete.retention.ms"]) for spec in TOPICS if spec.name == HISTORY)


class SqlitePruner:
    """One thread a worker. Several may prune the same file: what one has deleted the others do not find."""

    def __init__(self, path: Path, namespace: str, partitions: int, clock_ms: Callable[[], int] | None = None) -> None:
        self._path, self._namespace, self._partitions = path, namespace, partitions
        self._clock_ms = clock_ms or (lambda: time.time_ns() // 1_000_000)
        self._scanned: dict[int, int] = {}  # by partition: up to here its tombstones are known
        self._tombstones: dict[int, dict[bytes, int]] = {}  # by partition and key: offsets, since the last pass
        self._compacted: dict[int, int] = {}  # by partition: up to here no record is left that has a tombstone
        self._passed_at: dict[int, float] = {}
        self._thread = StepThread("sagaline-pruner", self._step, lambda error: None)

    def start(self) -> None:
        """Prunes now, and then once a minute."""
        self._thread.start()

    def close(self) -> None:
        """Stops; the transaction that is under way is the last one."""
        self._thread.stop()
        self._thread.join(5)

    def _step(self) -> None:
        self.prune()
        self._thread.stopped.wait(PRUNE_EVERY_S)

    def prune(self) -> int:
        """Deletes all that is due; returns how many records that were."""
        connection = connect(self._path)
        try:
            deleted = sum(self._drop_old(connection, topic, kept_ms) for topic, kept_ms in self._kept(connection))
            deleted += sum(self._compact(connection, partition) for partition in range(self._partitions))
        finally:
            connection.close()
        if deleted:
            _log.info("%s: deleted %d records that nobody needs", self._path, deleted)
        return deleted

    # By time

    def _kept(self, connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
        """Topics with a retention, in milliseconds: those of the task queues are found in the file."""
        yield from KEPT_MS.items()
        rows = connection.execute("SELECT DISTINCT topic FROM head WHERE namespace = ?", (self._namespace,)).fetchall()
        for spec in queue_specs((str(row[0]) for row in rows), ()):
            yield spec.name, int(spec.defaults["retention.ms"])

    def _drop_old(self, connection: sqlite3.Connection, topic: str, kept_ms: int) -> int:
        query = "SELECT DISTINCT partition FROM head WHERE namespace = ? AND topic = ?"
        partitions = [row[0] for row in connection.execute(query, (self._namespace, topic))]
        before_ms = self._clock_ms() - kept_ms
        return sum(self._drop_before(connection, topic, partition, before_ms) for partition in partitions)

    def _drop_before(self, connection: sqlite3.Connection, topic: str, partition: int, before_ms: int) -> int:
        """From the first record on, up to the first that is young enough."""
        deleted = 0
        while not self._thread.stopped.is_set():
            rows = connection.execute(
                "SELECT offset, at_ms FROM record WHERE namespace = ? AND topic = ? AND partition = ? "
                "ORDER BY offset LIMIT ?",
                (self._namespace, topic, partition, _DELETED_A_TRANSACTION),
            ).fetchall()
            old: list[int] = []
            for offset, at_ms in rows:
                if at_ms >= before_ms:
                    break
                old.append(offset)
            deleted += self._delete(connection, topic, partition, old)
            if len(old) < _DELETED_A_TRANSACTION:
                break
        return deleted

    # By tombstones

    def _compact(self, connection: sqlite3.Connection, partition: int) -> int:
        """A pass over history, when there are enough new tombstones or the last pass was long ago."""
        self._note_tombstones(connection, partition)
        keys = self._tombstones[partition]
        waited_s = time.monotonic() - self._passed_at.get(partition, float("-inf"))
        if not keys or (len(keys) < _TOMBSTONES_WORTH_A_PASS and waited_s < _PASS_EVERY_S):
            return 0
        self._passed_at[partition] = time.monotonic()
        end = max(keys.values()) + 1
        before_ms = self._clock_ms() - _MARGIN * TOMBSTONES_KEPT_MS
        compacted = self._compacted.get(partition, 0)
        deleted, position = 0, 0
        while not self._thread.stopped.is_set():
            rows = connection.execute(
                "SELECT offset, key, value IS NULL, at_ms FROM record WHERE namespace = ? AND topic = ? "
                "AND partition = ? AND offset >= ? AND offset < ? ORDER BY offset LIMIT ?",
                (self._namespace, HISTORY, partition, position, end, _SCANNED_A_QUERY),
            ).fetchall()
            if not rows:
                self._compacted[partition] = end
                keys.clear()
                break
            position = rows[-1][0] + 1
            unneeded = [
                offset
                for offset, key, is_tombstone, at_ms in rows
                if ((offset < compacted and at_ms < before_ms) if is_tombstone else offset < keys.get(key, -1))
            ]
            deleted += self._delete(connection, HISTORY, partition, unneeded)
        return deleted

    def _note_tombstones(self, connection: sqlite3.Connection, partition: int) -> None:
        keys = self._tombstones.setdefault(partition, {})
        place = (self._namespace, HISTORY, partition)
        query = "SELECT next_offset FROM head WHERE namespace = ? AND topic = ? AND partition = ?"
        head = connection.execute(query, place).fetchone()
        room = _KEYS_A_PASS - len(keys)
        if head is None or room <= 0:
            return
        rows = connection.execute(
            "SELECT key, offset FROM record WHERE namespace = ? AND topic = ? AND partition = ? AND offset >= ? "
            "AND offset < ? AND value IS NULL ORDER BY offset LIMIT ?",
            (*place, self._scanned.get(partition, 0), head[0], room),
        ).fetchall()
        keys.update(rows)
        self._scanned[partition] = rows[-1][1] + 1 if len(rows) == room else head[0]

    def _delete(self, connection: sqlite3.Connection, topic: str, partition: int, offsets: list[int]) -> int:
        """In transactions of a few records each, with a pause behind each for those who write."""
        for first in range(0, len(offsets), _DELETED_A_TRANSACTION):
            some = offsets[first : first + _DELETED_A_TRANSACTION]
            began = time.monotonic()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(
                    "DELETE FROM record WHERE namespace = ? AND topic = ? AND partition = ? AND offset = ?",
                    [(self._namespace, topic, partition, offset) for offset in some],
                )
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            self._thread.stopped.wait(max(_TURN_S, 2 * (time.monotonic() - began)))
        return len(offsets)
