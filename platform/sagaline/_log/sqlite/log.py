"""The embedded log: one SQLite file that several processes may use, durable before it acknowledges.

WAL mode with ``synchronous=FULL``: a commit returns when it is on disk. One thread writes, all that is waiting in
one transaction, so that a hundred appends cost one fsync; one thread reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

from sagaline._log.inspection import Inspection
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.sqlite.membership import SqliteMembership, living
from sagaline._log.sqlite.reader import SqliteReader
from sagaline._log.sqlite.writer import Append, SqliteAppender, SqliteWriter
from sagaline._log.topics import COMMANDS, HISTORY, KEYED, REPLIES, TOPICS, TopicPlan
from sagaline._log.urls import LogUrl
from sagaline._model.keys import partition_of
from sagaline.errors import ConfigurationError, LogUnavailable, TopicMismatch

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
"""
# A record goes when its key has its tombstone. Tombstones stay: they are small, and a store may be older than they are.
_COMPACT = """
DELETE FROM record WHERE namespace = :namespace AND topic = :topic AND value IS NOT NULL AND (partition, key) IN (
    SELECT partition, key FROM record WHERE namespace = :namespace AND topic = :topic AND value IS NULL
)
"""
_KEPT_MS = {REPLIES: 3_600_000, COMMANDS: 7 * 86_400_000}


def connect(path: Path) -> sqlite3.Connection:
    """A connection as all threads here use it. Raises LogUnavailable."""
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
    except sqlite3.Error as error:
        raise LogUnavailable(f"Expected a log in the SQLite file {path} but it cannot be used: {error}.") from error
    return connection


class SqliteLog:
    """The log port over one file."""

    def __init__(self, url: LogUrl) -> None:
        self.path = Path(url.place)
        self.namespace = url.namespace
        self._default_partitions = int(url.number("partitions", 4))
        self._partitions = 0
        self._identity = ""
        self._writer: SqliteWriter | None = None

    @property
    def partitions(self) -> int:
        return self._partitions

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def tombstones_kept_s(self) -> float:
        return math.inf

    async def open(self, create: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"Expected the folder of the log {self.path} to be there but it is not.")
        self._connection = connect(self.path)
        try:
            self._partitions, self._identity = self._namespace_row(create)
        except sqlite3.Error as error:
            self._connection.close()
            raise LogUnavailable(f"Expected {self.path} to be a log of Sagaline but {error}.") from error
        self._prune()
        self._writer = SqliteWriter(self.path, self.namespace, self._loop)

    def _namespace_row(self, create: bool) -> tuple[int, str]:
        self._connection.executescript(_SCHEMA)
        if create:
            row = (self.namespace, self._default_partitions, uuid.uuid4().hex)
            self._connection.execute("INSERT OR IGNORE INTO namespace VALUES (?, ?, ?)", row)
        found = self._connection.execute(
            "SELECT partitions, identity FROM namespace WHERE name = ?", (self.namespace,)
        ).fetchone()
        if found is None:
            raise TopicMismatch(f"Expected namespace {self.namespace!r} in {self.path} but it has not been made yet.")
        return int(found[0]), str(found[1])

    def _prune(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        for topic, kept_ms in _KEPT_MS.items():
            with contextlib.suppress(sqlite3.OperationalError):  # another process writes: it will be pruned later
                self._connection.execute(
                    "DELETE FROM record WHERE namespace = ? AND topic = ? AND at_ms < ?",
                    (self.namespace, topic, now_ms - kept_ms),
                )

        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.execute(_COMPACT, {"namespace": self.namespace, "topic": HISTORY})

    async def close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await asyncio.to_thread(writer.close)
            self._connection.close()

    async def plan_topics(self, partitions: int | None, replication: int | None) -> list[TopicPlan]:
        connection = connect(self.path)
        try:
            connection.executescript(_SCHEMA)
            found = connection.execute("SELECT partitions FROM namespace WHERE name = ?", (self.namespace,)).fetchone()
        finally:
            connection.close()
        if found is None:
            count = self._default_partitions if partitions is None else partitions
            return [TopicPlan(one.name, "create", count, 1, {}) for one in TOPICS]
        count = int(found[0])
        problem = (f"namespace {self.namespace} has {count} partitions and cannot have {partitions}: use a new one",)
        wrong = partitions is not None and partitions != count
        return [
            TopicPlan(
                one.name, "refuse" if wrong and one.name in KEYED else "nothing", count, 1, {}, problem if wrong else ()
            )
            for one in TOPICS
        ]

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        problems = [problem for plan in plans for problem in plan.problems]
        if problems:
            raise TopicMismatch(problems[0])
        self._default_partitions = plans[0].partitions
        await self.open()
        await self.close()

    async def inspect(self) -> Inspection:
        def check() -> tuple[str, ...]:
            connection = connect(self.path)
            try:
                rows = connection.execute("PRAGMA quick_check").fetchall()
            finally:
                connection.close()
            return tuple(str(row[0]) for row in rows if row[0] != "ok")

        missing = () if self.path.exists() else tuple(spec.name for spec in TOPICS)
        return Inspection("sqlite", 0, {}, missing, problems=() if missing else await asyncio.to_thread(check))

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        place = (self.namespace, topic, partition)
        where = "WHERE namespace = ? AND topic = ? AND partition = ?"
        head = self._connection.execute(f"SELECT next_offset FROM head {where}", place).fetchone()
        if head is None:
            return 0, 0
        low = self._connection.execute(f"SELECT min(offset) FROM record {where}", place).fetchone()[0]
        return (head[0] if low is None else low), head[0]

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        position = start
        while position < end:
            rows = self._connection.execute(
                "SELECT offset, key, value FROM record WHERE namespace = ? AND topic = ? AND partition = ? "
                "AND offset >= ? AND offset < ? ORDER BY offset LIMIT 1000",
                (self.namespace, topic, partition, position, end),
            ).fetchall()
            if not rows:
                return
            yield [Record(topic, partition, *row) for row in rows]
            position = rows[-1][0] + 1

    def _open_writer(self) -> SqliteWriter:
        assert self._writer is not None, "the log is open"
        return self._writer

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> SqliteAppender:
        return SqliteAppender(self._open_writer(), self._loop, on_acks)

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        if partition is None:
            partition = partition_of(key.decode(errors="replace"), self.partitions)
        writer = self._open_writer()
        call = None if on_done is None else partial(_tell, writer, on_done)
        writer.put(Append(topic, partition, key, value, headers, call))

    def reader(self, sink: Callable[[list[Record]], None]) -> SqliteReader:
        return SqliteReader(connect(self.path), self.namespace, self._open_writer().written, self._loop, sink)

    async def members(self) -> list[str]:
        return living(self._locks())

    def join(self, member_id: str, listener: MembershipListener) -> SqliteMembership:
        return SqliteMembership(self._locks(), self.partitions, member_id, self._loop, listener)

    def _locks(self) -> Path:
        return self.path.with_name(f"{self.path.name}.locks") / self.namespace


def _tell(writer: SqliteWriter, on_done: Callable[[str | None], None], offset: int, error: str | None) -> None:
    writer.done.put((on_done, error))
